// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Files of a host, below a root directory, and why they cannot be read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// No file that is read whole is larger.
const LARGEST: u64 = 4 << 20;
/// The kernel's log is at most this large.
const LARGEST_LOG: usize = 64 << 20;
/// The longest record of the kernel's log, and more.
const RECORD: usize = 16 << 10;

/// The directory where `/` is, other than `/` in tests.
pub(super) struct Root(PathBuf);

impl Root {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    /// The text of a file, unpacked if its name ends in `.gz`. A line of what cannot be read says
    /// why.
    pub(super) fn text(&self, place: &str) -> Result<String, String> {
        let read = || {
            let file = File::open(self.0.join(place))?;
            let mut bytes = Vec::new();
            let is_packed = Path::new(place).extension().is_some_and(|end| end == "gz");
            let size = if is_packed {
                GzDecoder::new(file).take(LARGEST + 1).read_to_end(&mut bytes)?
            } else {
                file.take(LARGEST + 1).read_to_end(&mut bytes)?
            };
            if size as u64 > LARGEST {
                return Err(io::Error::new(ErrorKind::InvalidData, "it is too large"));
            }
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().map_err(|error| why(place, &error))
    }

    /// The only line of a file.
    pub(super) fn line(&self, place: &str) -> Result<String, String> {
        let text = self.text(place)?;
        let line = text.trim();
        if line.is_empty() || line.lines().count() > 1 {
            return Err(format!("/{place}: it has {} lines, not one", line.lines().count()));
        }
        Ok(line.to_string())
    }

    /// The names in a directory, sorted.
    pub(super) fn names(&self, place: &str) -> Result<Vec<String>, String> {
        let read = || {
            let entries = fs::read_dir(self.0.join(place))?;
            let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            names.collect::<io::Result<Vec<String>>>()
        };
        let mut names = read().map_err(|error| why(place, &error))?;
        names.sort_unstable();
        Ok(names)
    }

    /// The records of `/dev/kmsg`, which has no end: a read after the last one would wait.
    pub(super) fn records(&self, place: &str) -> Result<String, String> {
        self.read_records(place).map_err(|error| why(place, &error))
    }

    fn read_records(&self, place: &str) -> io::Result<String> {
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(target_os = "linux")]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        let mut file = options.open(self.0.join(place))?;
        let mut bytes = Vec::new();
        let mut record = vec![0; RECORD];
        while bytes.len() < LARGEST_LOG {
            match file.read(&mut record) {
                Ok(0) => break,
                Ok(size) => bytes.extend_from_slice(record.get(..size).unwrap_or_default()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    // EPIPE: the next record was overwritten. The read after it gets the oldest.
                    ErrorKind::BrokenPipe | ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Why a file cannot be read, and what helps.
fn why(place: &str, error: &io::Error) -> String {
    let help = match error.kind() {
        ErrorKind::PermissionDenied if place.starts_with("sys/kernel/debug") => {
            ": run as root (a kernel in lockdown, as with Secure Boot, hides it from root, too)"
        }
        ErrorKind::PermissionDenied => ": run as root",
        _ => "",
    };
    format!("/{place}: {error}{help}")
}
