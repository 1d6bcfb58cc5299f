//! The command: what it prints, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::client::{KEY, agent, bearer, send, start_path};

/// A running command; killed if a test fails.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Running {
    fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fake-fabricate"));
        command.args(["--key", KEY, "--port", "0"]).args(flags).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let line = line(&mut stdout);
        let url = line.strip_prefix("Fabricate (a fake) listening on ").unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, stdout, url }
    }

    fn begin(&self, workflow: &str) -> String {
        let address = format!("{}{}", self.url, start_path(workflow));
        let answer = send(&agent(), "POST", &address, Some(&bearer()), Some(b"{}")).unwrap();
        answer.json()["task_id"].as_str().unwrap().to_owned()
    }

    /// Sends a signal; gives how the command ended and what else it printed.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(stdout: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn each_request_is_one_line_without_the_key() {
    let running = Running::start(&[]);
    let task_id = running.begin("no-files");
    let wrong = format!("{}{}", running.url, start_path("a%0Ab"));
    send(&agent(), "POST", &wrong, Some(&bearer()), Some(b"{}")).unwrap();
    send(&agent(), "PUT", &format!("{}/control/faults", running.url), None, Some(b"{\"down\": true}"))
        .unwrap();
    send(&agent(), "GET", &running.url, None, None).unwrap_err();
    let (code, rest) = running.end("-TERM");
    assert_eq!(code, Some(0));
    assert!(!rest.contains(KEY), "{rest}");
    let path = start_path("no-files");
    let expected = [
        format!("POST {path} 200 task {task_id} started: no-files"),
        format!("POST {} 404 workflow not found: a b", start_path("a%0Ab")),
        "PUT /control/faults 200 the server is down".to_owned(),
        "GET / closed the server is down".to_owned(),
    ];
    assert_eq!(rest.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn quiet_prints_the_address_only() {
    let running = Running::start(&["--quiet"]);
    running.begin("no-files");
    assert_eq!(running.end("-INT"), (Some(0), String::new()));
}

#[test]
fn flags_set_how_long_a_task_takes() {
    let running = Running::start(&["--task-seconds", "0"]);
    let address = format!("{}/api/v1/workflow_tasks/{}", running.url, running.begin("no-files"));
    let answer = send(&agent(), "GET", &address, Some(&bearer()), None).unwrap();
    assert_eq!(answer.json()["status"], "completed");
}

#[test]
fn help_is_not_an_error_and_a_missing_key_is() {
    let run =
        |flags: &[&str]| Command::new(env!("CARGO_BIN_EXE_fake-fabricate")).args(flags).output().unwrap();
    let help = run(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("seed-account"));
    let failed = run(&["--port", "0"]);
    assert!(!failed.status.success() && String::from_utf8_lossy(&failed.stderr).contains("--key"));
}
