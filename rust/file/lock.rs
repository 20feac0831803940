//! A directory that one process at a time writes to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The file that is locked.
const NAME: &str = "lock";

/// What holds a directory. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DirectoryLock {
    // Closed, not unlocked: in a forked child this file is the parent's, too.
    _file: File,
    path: PathBuf,
}

impl DirectoryLock {
    /// Locks `directory`, or refuses.
    ///
    /// # Errors
    /// [`Error::Io`] of the kind `ResourceBusy` where another lock holds it, in this process or another; it says which
    /// process. Other kinds where the file cannot be written.
    pub fn take(directory: &Path) -> Result<DirectoryLock> {
        let path = directory.join(NAME);
        let io = |source| Error::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unreadable = file.take(64).read_to_string(&mut holder); // it is only for the message
                let digits = holder.trim().chars().all(|c| c.is_ascii_digit()) && !holder.trim().is_empty();
                let who = if digits { format!(" (process {})", holder.trim()) } else { String::new() };
                let message = format!("another training{who} writes its checkpoints here");
                return Err(io(std::io::Error::new(ErrorKind::ResourceBusy, message)));
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let process = std::process::id().to_string();
        let noted = file.rewind().and_then(|()| file.write_all(process.as_bytes()));
        noted.and_then(|()| file.set_len(process.len() as u64)).map_err(io)?;
        Ok(DirectoryLock { _file: file, path })
    }

    /// The file that is locked.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
