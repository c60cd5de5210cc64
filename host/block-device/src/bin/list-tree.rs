//! Prints what a folder holds as [`Listing`] writes it: `list-tree FOLDER TIME`. What is younger
//! than TIME (seconds since 1970) is set back to it, and times are cut to seconds. The tests' virtual
//! machine says by it what it found in a filesystem.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use dibhost_filesystems::Listing;

fn list() -> io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let (Some(folder), Some(time)) = (args.next(), args.next()) else {
        return Err(io::Error::other("write `list-tree FOLDER TIME`"));
    };
    let time = time.to_str().and_then(|time| time.parse().ok());
    let time = time.ok_or_else(|| io::Error::other("TIME is no number of seconds"))?;
    let mut listing = Listing::of(File::open(folder)?.as_fd())?;
    listing.clamp(time, true);
    let mut out = io::BufWriter::new(io::stdout().lock());
    write!(out, "{listing}")?;
    out.flush()
}

fn main() -> ExitCode {
    match list() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where even that cannot be written.
            let _ = writeln!(io::stderr(), "list-tree: {error}");
            ExitCode::FAILURE
        }
    }
}
