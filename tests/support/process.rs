//! Tests that need a process of their own: the test binary runs itself again for one test.

use super::home::Home;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Names, in a child's environment, the part it plays.
pub const CHILD: &str = "KEYWARD_TEST_CHILD";

/// How long a child may take before it counts as hanging: the longest run that settings ask for, twice.
const PATIENCE: Duration = Duration::from_secs(1200);

/// How long one that was asked to end may take for it.
const LEAVING: Duration = Duration::from_secs(20);

/// Runs the rest of the test in a process of its own, with a fresh directory: `isolated!(|| { .. })`.
#[macro_export]
macro_rules! isolated {
    ($body:expr) => {{
        fn here() {}
        $crate::support::process::isolated(std::any::type_name_of_val(&here), $body)
    }};
}

/// The part the test plays in this process: none in the one that cargo started.
pub fn part() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// The name by which the test binary knows the test whose inner function has this path.
pub fn test_name(inner: &str) -> String {
    let mut parts: Vec<&str> = inner
        .split("::")
        .skip(1)
        .filter(|part| *part != "{{closure}}")
        .collect();
    parts.pop();
    parts.join("::")
}

/// This test again, in a new process that uses `home` and plays `part`.
pub fn again(home: &Home, inner: &str, part: &str) -> Command {
    let mut command = home.command(std::env::current_exe().expect("the path of this test"));
    command
        .args([
            "--exact",
            &test_name(inner),
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, part);
    command
}

/// Another process that plays a part of this test beside this one, in the same directory. It is asked
/// by lines on its input, and answers by lines that begin with `@`.
///
/// It never outlives its end here: dropped, it is asked to end, and killed if it does not or if the test
/// has failed.
pub struct Other {
    child: Child,
    answers: Option<BufReader<ChildStdout>>,
}

/// Starts this test again to play a part: `another!("writer")`.
#[macro_export]
macro_rules! another {
    ($part:expr) => {{
        fn here() {}
        $crate::support::process::Other::start(std::any::type_name_of_val(&here), $part)
    }};
}

impl Other {
    /// See the macro `another!`.
    pub fn start(inner: &str, part: &str) -> Other {
        let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
        Other::playing(&mut command, inner, part)
    }

    /// As `start`, by a command that runs this program and sets its user and environment.
    pub fn playing(command: &mut Command, inner: &str, part: &str) -> Other {
        let mut child = command
            .args([
                "--exact",
                &test_name(inner),
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test again");
        let answers = child.stdout.take().map(BufReader::new);
        Other { child, answers }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next answer; `None` when it ended.
    pub fn answer(&mut self) -> Option<String> {
        let answers = self.answers.as_mut()?;
        loop {
            let mut line = String::new();
            if answers.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            // The test runner writes the test's name before the first one.
            if let Some((_, answer)) = line.split_once('@') {
                return Some(answer.trim_end().to_owned());
            }
        }
    }

    /// Sends a line and waits for the answer.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer().expect("an answer")
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input");
        writeln!(input, "{line}").expect("it listens");
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// Waits for the end, which must be a good one.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        while self.answer().is_some() {}
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "the other process ended with {status}");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // It sees the end of its input, and whatever it still says is read: it need not fail for that.
        drop(self.child.stdin.take());
        let rest = drain(self.answers.take());
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if std::thread::panicking() || begun.elapsed() > LEAVING {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = rest.join();
    }
}

/// A program that a test waits for, or kills: dropped before, because the test has failed, it is killed too.
pub struct Running(Option<Child>);

impl Running {
    /// Runs a program whose output is kept.
    pub fn start(command: &mut Command) -> Running {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running(Some(child.expect("the program runs")))
    }

    /// Its end, if it has come.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let child = self.0.as_mut().expect("it was started");
        child.try_wait().expect("its state")
    }

    /// What it wrote, when it has ended.
    pub fn output(mut self) -> Output {
        let child = self.0.take().expect("it was started");
        child.wait_with_output().expect("its end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Answers the process that started this one. Who is not heard any more ends, without a word.
pub fn tell(answer: &str) {
    let mut output = std::io::stdout().lock();
    if writeln!(output, "@{answer}")
        .and_then(|()| output.flush())
        .is_err()
    {
        // SAFETY: the call does not return. Nothing of this process is wanted any more, not even its end in order.
        unsafe { libc::_exit(1) };
    }
}

/// See the macro `isolated!`.
pub fn isolated(inner: &str, body: impl FnOnce()) {
    if part().is_some() {
        body();
        return;
    }
    let home = Home::new();
    let child = again(&home, inner, "isolated")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test again");
    finish(child);
}

/// Waits for a child, and fails with its output if it failed, crashed or hung.
pub fn finish(mut child: Child) {
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let begun = Instant::now();
    let outcome = loop {
        match child.try_wait().expect("the state of the child") {
            Some(status) if status.success() => break Ok(()),
            Some(status) => break Err(format!("the child ended with {status}")),
            None if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                break Err("the child hung".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let (out, err) = (
        stdout.join().unwrap_or_default(),
        stderr.join().unwrap_or_default(),
    );
    if let Err(why) = outcome {
        panic!("{why}\n--- its output\n{out}\n{err}");
    }
    println!("{out}");
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}
