//! Where a command reads and writes.

use std::io::{self, Write};

/// The streams of a command.
pub struct Console<'a> {
    /// What the user asked for.
    pub out: &'a mut dyn Write,
    /// Diagnostics, progress and timings.
    pub err: &'a mut dyn Write,
    /// Whether diagnostics are coloured.
    pub color: bool,
}

/// A stream whose reader may leave, as `head` does. What is written from then on is dropped without an error: the command
/// finishes its work, and its exit code is that of the work.
pub(crate) struct Pipe<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> Pipe<W> {
    pub(crate) const fn new(inner: W) -> Self {
        Self { inner, closed: false }
    }

    /// `result`, or `dropped` if it says that the reader has left.
    fn unless_closed<T>(&mut self, result: io::Result<T>, dropped: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(dropped)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.inner.flush();
        self.unless_closed(flushed, ())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error_but_a_full_disk_is() {
        struct Fails(io::ErrorKind);
        impl Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(self.0.into())
            }
        }
        let mut pipe = Pipe::new(Fails(io::ErrorKind::BrokenPipe));
        writeln!(pipe, "one").unwrap();
        writeln!(pipe, "two").unwrap();
        pipe.flush().unwrap();
        assert!(writeln!(Pipe::new(Fails(io::ErrorKind::StorageFull)), "one").is_err());
    }
}
