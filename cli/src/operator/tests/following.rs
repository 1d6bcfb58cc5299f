//! `tail`, and `run --wait`.

use std::cell::Cell;

use anyhow::anyhow;

use super::*;
use crate::exit::Usage;
use crate::testing::Network;
use crate::worker::WorkerError;

fn run(number: usize, status: &str) -> Value {
    json!({"run_id": format!("r{number:04}"), "status": status, "hook": "h", "workflow": "w", "files": []})
}

/// What `tail` prints while it asks four times. `runs` are those of each question, the newest last.
fn tail(runs: impl Fn(usize) -> Vec<Value> + 'static) -> Vec<String> {
    let asked = Cell::new(0);
    let network = Network::new(move |request| {
        asked.update(|asked| asked + 1);
        Ok(page(&runs(asked.get()), request))
    });
    let host = TestHost { network: Some(network), interrupted_after_ms: Some(8_000), ..TestHost::new() };
    assert_eq!(operate(&host, "tail", &["--no-deliveries"]).unwrap(), Exit::Interrupted);
    assert_eq!(host.asked.borrow().len(), 4);
    host.printed.borrow().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn old_runs_are_no_changes() {
    for count in [60, 205] {
        let printed = tail(move |turn| {
            let mut runs: Vec<Value> = (0..count).map(|number| run(number, "completed")).collect();
            if turn == 1 {
                runs[count - 2] = run(count - 2, "queued");
            } else {
                runs.push(run(count, "queued"));
            }
            runs
        });
        let expected =
            [format!("h r{:04}: completed: no files", count - 2), format!("h r{count:04}: queued")];
        assert_eq!(printed, expected);
    }
}

#[test]
fn an_old_run_that_comes_up_is_no_change() {
    let printed = tail(|turn| (0..210 - turn).map(|number| run(number, "completed")).collect());
    assert_eq!(printed, [""; 0]);
}

#[test]
fn a_worker_that_does_not_answer_is_said_at_once() {
    for is_there in [false, true] {
        let network =
            Network::new(
                move |_| if is_there { Ok(problem(503)) } else { Err(anyhow!("nothing listens there")) },
            );
        let host = TestHost { network: Some(network), ..TestHost::new() };
        assert!(operate(&host, "run", &["r1", "--wait"]).unwrap_err().is::<WorkerError>());
        assert_eq!(host.asked.borrow().len(), 1);
    }
}

#[test]
fn a_worker_that_answered_once_is_waited_for() {
    let asked = Cell::new(0);
    let network = Network::new(move |_| {
        asked.update(|asked| asked + 1);
        match asked.get() {
            1 => Ok(Answer::json(200, &run(1, "queued"))),
            2 => Err(anyhow!("nothing listens there")),
            3 => Ok(problem(503)),
            _ => Ok(Answer::json(200, &run(1, "completed"))),
        }
    });
    let host = TestHost { network: Some(network), ..TestHost::new() };
    assert_eq!(operate(&host, "run", &["r0001", "--wait"]).unwrap(), Exit::Good);
}

#[test]
fn a_run_is_shown_in_one_way() {
    let host = TestHost::new();
    for words in [["r1", "--timeline", "--mapping"], ["r1", "--wait", "--delivery"]] {
        assert!(operate(&host, "run", &words).unwrap_err().is::<Usage>());
    }
}

#[test]
fn a_run_that_waits_says_for_what() {
    let waiting = json!({"for": "concurrency", "key": "main", "behind": ["r0001"], "not_before": null});
    let mut queued = run(2, "queued");
    (queued["waiting"], queued["key"]) = (waiting, json!("main"));
    let network = Network::new(move |_| Ok(Answer::json(200, &queued)));
    let host = TestHost { network: Some(network), ..TestHost::new() };
    operate(&host, "run", &["r0002"]).unwrap();
    let printed = host.printed.borrow();
    assert!(printed.contains("status    queued: waits until r0001 of the key main has ended\n"), "{printed}");
    assert!(printed.contains("key       main\n"), "{printed}");
}
