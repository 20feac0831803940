//! A directory that one process at a time writes to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The file that is locked.
const NAME: &str = "lock";

/// Bytes that are more than it holds, which is the number of a process.
const MOST: u64 = 32;

/// What holds a directory. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DirectoryLock {
    // Closed, not unlocked: in a forked child this file is the parent's, too.
    file: File,
    path: PathBuf,
}

impl DirectoryLock {
    /// Locks `directory`, or refuses.
    ///
    /// # Errors
    /// [`Error::Io`] of the kind `ResourceBusy` where another lock holds it, in this process or another; it says which
    /// process. Other kinds where the file cannot be written, or is somebody else's.
    pub fn take(directory: &Path) -> Result<DirectoryLock> {
        let path = directory.join(NAME);
        let io = |source| Error::Io { path: path.clone(), source };
        let foreign = || io(std::io::Error::other("is no lock of a training; name another directory"));
        if std::fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(foreign()); // a link could lead to anything, a pipe would have no end
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let locked = file.try_lock();
        let mut holder = String::new();
        let read = (&file).take(MOST).read_to_string(&mut holder);
        let is_ours = read.is_ok() && holder.len() < MOST as usize && holder.bytes().all(|byte| byte.is_ascii_digit());
        match locked {
            Ok(()) if is_ours => {}
            Ok(()) => return Err(foreign()),
            Err(TryLockError::WouldBlock) => {
                let who = if is_ours && !holder.is_empty() { format!(" (process {holder})") } else { String::new() };
                let message = format!("another training{who} writes its checkpoints here");
                return Err(io(std::io::Error::new(ErrorKind::ResourceBusy, message)));
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let process = std::process::id().to_string();
        let noted = file.rewind().and_then(|()| file.write_all(process.as_bytes()));
        noted.and_then(|()| file.set_len(process.len() as u64)).map_err(io)?;
        Ok(DirectoryLock { file, path })
    }

    /// Whether what was locked is still there: whoever moves the directory away, or deletes it, may have let another
    /// training begin in its place, which must not find two writers.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not.
    pub fn check(&self) -> Result<()> {
        let io = |source| Error::Io { path: self.path.clone(), source };
        let there = std::fs::metadata(&self.path).map_err(io)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let held = self.file.metadata().map_err(io)?;
            if (held.dev(), held.ino()) != (there.dev(), there.ino()) {
                return Err(io(std::io::Error::other("is no longer the one that this training has locked")));
            }
        }
        Ok(())
    }

    /// The file that is locked.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
