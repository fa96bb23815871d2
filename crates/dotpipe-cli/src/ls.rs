//! `dotpipe ls`: which pipes there are.

use dotpipe::error::Error;
use dotpipe::exact;
use serde_json::Value;

use crate::failure::Result;
use crate::output;

/// List all pipes of this machine that can be seen from here.
///
/// Like a listing of the directory \\.\pipe\ on Windows. With no pipes it prints nothing. What dead servers
/// left behind is removed on the way, as far as it is yours to remove: that of other users by root only.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print a JSON array with one object per pipe, as `info --json` prints one, but for `security`.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result {
    let pipes = exact::list().map_err(|code| Error::new("list", None, code))?;
    if args.json {
        output::value(&Value::Array(
            pipes.iter().map(output::status_value).collect(),
        ))
    } else if pipes.is_empty() {
        Ok(())
    } else {
        output::bytes(output::status_table(&pipes).as_bytes())
    }
}
