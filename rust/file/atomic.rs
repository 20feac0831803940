//! Writing a file whole or not at all.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` to `path`: into a temporary file beside it, flushed to the disk, then renamed over it. Whatever goes
/// wrong, and whenever, `path` holds either what it held before or all of `bytes`. A device or a pipe is refused: it would
/// be replaced.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    let target = std::fs::canonicalize(path).unwrap_or(path.to_path_buf()); // a link stays one
    if std::fs::metadata(&target).is_ok_and(|existing| !existing.is_file()) {
        let kind = if target.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
        return Err(io(std::io::Error::new(kind, "exists and is no regular file")));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".purrceptron-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666)); // as for any new file: the umask applies
    }
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.as_file_mut().write_all(bytes).map_err(io)?; // the file's own error, with the system's number for it
    file.as_file().sync_all().map_err(io)?;
    file.persist(&target).map_err(|error| io(error.error))?;
    #[cfg(unix)]
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?; // the new name, too
    Ok(())
}
