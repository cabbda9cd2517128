//! The command line: `hashpass-bench NAME` measures the released server.

#[cfg(target_os = "linux")]
mod command_line;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    command_line::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("hashpass-bench: only Linux lets a process be measured as this needs it");
    std::process::ExitCode::FAILURE
}
