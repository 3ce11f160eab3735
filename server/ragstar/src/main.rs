//! The binary: arguments, settings, wiring. What it does lives in the rooms below.

mod args;
mod commands;
mod context;
mod desk;
mod output;
mod services;

use clap::Parser;
use std::process::ExitCode;

/// An index is millions of small pieces made on all cores; the system's allocator spends more time on them than the parser.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    // Work that holds a thread (the walk, the index, the embedding model) has threads of its own; two serve the rest.
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Readers of syntax recurse along an expression.
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("no threads could be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(commands::run(args));
    // A read of standard input that never ends must not keep the process.
    runtime.shutdown_background();
    context::Context::finish();
    code
}
