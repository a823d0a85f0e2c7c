//! Owns the command line of `escape-tests`.

use std::path::PathBuf;

use clap::Parser;
use claudebox::cli::Tier;

/// Measure a sandbox by the probes of claudebox.
///
/// Each probe is one attack. It is made inside what CMD starts, and judged from outside.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "escape-tests",
    version,
    arg_required_else_help = true,
    max_term_width = 80,
    after_help = WORDS,
)]
pub struct Args {
    /// The command that starts the sandbox; what shall run inside is appended
    #[arg(long, value_name = "CMD")]
    pub sandbox: String,

    /// What CMD claims for the network: none, inet or full
    #[arg(
        long,
        value_name = "TIER",
        default_value = "none",
        hide_possible_values = true
    )]
    pub tier: Tier,

    /// Have uid 0 start CMD
    #[arg(long)]
    pub as_root: bool,

    /// Write everything as JSON to FILE, `-` for standard output instead of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// How many probes are made at a time [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,

    /// How many seconds each start of CMD may take
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub limit: u64,

    /// Only the probes with one of these in their names
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
}

const WORDS: &str = "\
CMD is split into words as a shell does it; no shell runs it. In it
  {}         stands for the command; without it, the command is appended
  {home}     the home folder of the trial, full of canaries
  {project}  the project, the working folder
  {granted}  a folder that CMD may show read-only
  {inside}   the program that makes the attempt, which must be shown
After -c the command is one quoted word.

Examples:
  escape-tests --sandbox 'srt -c'
  escape-tests --sandbox 'bwrap --ro-bind / / --bind {project} {project} --'
  escape-tests --sandbox 'claudebox exec -y --network none --env
      PROBE_ASKED_FOR --mount {granted} --mount {inside} --'

Exit status: 0 nothing escaped, 1 something did, 2 nothing did, but there were
errors, 125 nothing could be measured.";
