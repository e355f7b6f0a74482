//! Tests of the standard input of commands: bytes, files and readers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use setup_tasks::Layout;
use setup_tasks::command::{CommandError, TaskCommand};
use setup_tasks::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use test_kit::{Machine, Scratch, chain};

/// A context whose commands run outside of a task.
struct Shell {
    _layout: Layout,
    cx: TaskContext,
}

impl Shell {
    fn new() -> Self {
        let layout = Layout::in_memory().unwrap();
        let machine = layout.add(Machine::new("m")).unwrap();
        Self { cx: TaskContext::of(machine.as_any(), "first"), _layout: layout }
    }

    fn sh(&self, script: &str) -> TaskCommand {
        self.cx.command("sh").args(["-c", script])
    }
}

/// A reader that provides some bytes and then an error.
struct Broken(usize);

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(io::Error::other("the disk is gone")));
        }
        let count = self.0.min(buf.remaining());
        buf.put_slice(&vec![b'x'; count]);
        self.0 -= count;
        Poll::Ready(Ok(()))
    }
}

/// A reader that never ends, and counts its bytes.
struct Endless(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = buf.remaining();
        buf.put_slice(&vec![b'x'; count]);
        self.0.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_command_reads_a_file_of_any_size_and_bytes() {
    let (place, shell) = (Scratch::new(), Shell::new());
    let path = place.path().join("input");
    let bytes: Vec<_> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[i as usize % 3]).collect();
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(shell.cx.command("cat").stdin_file(&path).output_bytes().await.unwrap(), bytes);
    assert_eq!(shell.cx.command("cat").stdin(bytes.clone()).output_bytes().await.unwrap(), bytes);
    let reader = io::Cursor::new(bytes.clone());
    assert_eq!(shell.cx.command("cat").stdin_reader(reader).output_bytes().await.unwrap(), bytes);
    assert_eq!(shell.cx.command("cat").stdin_reader(io::Cursor::new("a")).stdin("b").output().await.unwrap(), "b");
}

#[tokio::test]
async fn a_file_that_cannot_be_the_input_is_an_error_and_nothing_runs() {
    let (place, shell) = (Scratch::new(), Shell::new());
    let ran = place.path().join("ran");
    let pipe = place.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let missing = place.path().join("missing");
    for (path, problem) in [
        (&missing, "help: check the path; a relative path starts at the directory of this process"),
        (&pipe, "help: name a regular file, or open it and pass it as a reader with `stdin_reader`"),
        (&place.path().to_owned(), "it is not a regular file"),
    ] {
        let error = shell.cx.command("touch").arg(&ran).stdin_file(path).run().await.unwrap_err();
        let error = chain(error);
        assert!(error.starts_with("cannot read the standard input of `touch "), "{error}");
        assert!(error.contains(&format!("from `{}`", path.display())) && error.contains(problem), "{error}");
    }
    assert!(!ran.exists());
}

#[tokio::test]
async fn data_reaches_the_command_while_the_reader_provides_it() {
    let shell = Shell::new();
    let (mut writer, reader) = tokio::io::duplex(8);
    let (mut answers, answer) = tokio::io::duplex(64);
    // Each line reaches `cat` before the next one is written.
    let cat = shell.cx.command("cat").stdin_reader(reader).output();
    let write = async move {
        for line in ["one\n", "a line that is longer than the buffer\n"] {
            writer.write_all(line.as_bytes()).await.unwrap();
        }
        drop(writer);
        answers.write_all(b"done").await.unwrap();
    };
    let (output, ()) = tokio::join!(cat, write);
    let mut done = String::new();
    answer.take(4).read_to_string(&mut done).await.unwrap();
    assert_eq!((output.unwrap(), done), ("one\na line that is longer than the buffer\n".into(), "done".into()));
}

#[tokio::test]
async fn an_error_of_the_reader_ends_the_command_before_it_takes_the_data_for_all() {
    let place = Scratch::new();
    let shell = Shell::new();
    let script = format!("cat > /dev/null; touch {}", place.path().join("took").display());
    for before in [0, 10, 1_000_000] {
        let error = shell.sh(&script).label("restore").stdin_reader(Broken(before)).run().await.unwrap_err();
        assert!(matches!(error, CommandError::Stdin { .. }), "{error:?}");
        let error = chain(error);
        assert_eq!(error, "cannot read the standard input of `restore`, which was ended: the disk is gone");
    }
    assert!(!place.path().join("took").exists(), "it never saw an end of its input");
}

#[tokio::test]
async fn a_command_that_reads_nothing_neither_hangs_nor_fails() {
    let shell = Shell::new();
    let megabytes = vec![b'x'; 5_000_000];
    let pending = || tokio::io::duplex(8);
    let since = Instant::now();
    shell.cx.command("true").stdin(megabytes.clone()).run().await.unwrap();
    shell.cx.command("true").stdin_reader(Endless(std::sync::Arc::default())).run().await.unwrap();
    let (_writer, reader) = pending();
    shell.cx.command("true").stdin_reader(reader).run().await.unwrap();
    assert_eq!(shell.cx.command("head").args(["-c", "3"]).stdin(megabytes.clone()).output().await.unwrap(), "xxx");
    assert_eq!(shell.sh("exit 4").stdin(megabytes).status().await.unwrap().code(), Some(4));
    // It closes its input and goes on.
    let (_writer, reader) = pending();
    shell.sh("exec < /dev/null; sleep 0.1").stdin_reader(reader).run().await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_reader_is_not_read_ahead_of_the_command() {
    let shell = Shell::new();
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let limit = Duration::from_millis(300);
    let error = shell.sh("sleep 60").stdin_reader(Endless(read.clone())).timeout(limit).run().await.unwrap_err();
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error:?}");
    let read = read.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..=1_000_000).contains(&read), "the pipe and one part: {read}");
}

/// A model that leaves a process running, whose standard input is a reader.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "left")]
struct Left {
    broken: bool,
}

#[setup_tasks]
impl Left {
    #[setup_task("Leave a process running")]
    async fn leave(&self, cx: &TaskContext) -> Result<()> {
        let script = "cat > got.new; mv got.new got";
        let command = cx.command("sh").args(["-c", script]).directory(cx.stamp_path()?);
        let bytes = vec![b'x'; 200_000];
        let command =
            if self.broken { command.stdin_reader(Broken(10)) } else { command.stdin_reader(io::Cursor::new(bytes)) };
        command.detached().start().await?;
        // This process ends without reading.
        let (_writer, pending) = tokio::io::duplex(8);
        cx.command("true").stdin_reader(pending).detached().start().await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_process_that_is_left_running_gets_all_of_its_input_first() {
    for broken in [false, true] {
        let place = Scratch::new();
        let layout = place.layout();
        let left = layout.add(Left { broken }).unwrap();
        let got = left.stamp_path().unwrap().join("got");
        let ran = left.run_setup_tasks().await;
        if broken {
            let error = chain(ran.unwrap_err());
            assert!(error.contains("which was ended: the disk is gone"), "{error}");
            assert!(!got.exists());
            continue;
        }
        ran.unwrap();
        test_kit::until("the process has read", || got.exists());
        assert_eq!(std::fs::metadata(&got).unwrap().len(), 200_000);
    }
}

#[test]
fn a_command_with_a_reader_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    is_shared(&Shell::new().sh("true").stdin_reader(Broken(0)));
}
