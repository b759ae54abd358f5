//! Clients of `ixgbe-sim` that send invalid vfio-user messages: only their own connection ends.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A server of two ports, with a directory of its own.
struct Server {
    child: Child,
    directory: PathBuf,
}

/// Maximum duration of each operation.
const LIMIT: Duration = Duration::from_secs(60);

impl Server {
    fn start(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("ixgbe-sim-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ixgbe-sim"));
        command.args(["0", "1"].map(|port| directory.join(port)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), directory }
    }

    fn connect(&self, port: &str) -> UnixStream {
        let began = Instant::now();
        loop {
            match UnixStream::connect(self.directory.join(port)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(LIMIT)).unwrap();
                    return stream;
                }
                Err(error) => assert!(began.elapsed() < LIMIT, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the server exits by itself.
    fn end(mut self) -> Output {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < LIMIT, "the server does not exit");
            std::thread::sleep(Duration::from_millis(10));
        }
        _ = std::fs::remove_dir_all(&self.directory);
        self.child.wait_with_output().unwrap()
    }
}

/// Builds a message: id, command, the size in its header, flags, error, and the body.
fn message(command: u16, size: u32, body: &[u8]) -> Vec<u8> {
    let head = [&7_u16.to_le_bytes()[..], &command.to_le_bytes(), &size.to_le_bytes(), &[0; 8]].concat();
    [&head[..], body].concat()
}

/// Builds a message with its true size.
fn whole(command: u16, body: &[u8]) -> Vec<u8> {
    message(command, 16 + body.len() as u32, body)
}

fn version() -> Vec<u8> {
    whole(1, &[&[0; 4][..], b"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}\0"].concat())
}

fn region_access(command: u16, offset: u64, region: u32, count: u32, data: &[u8]) -> Vec<u8> {
    whole(command, &[&offset.to_le_bytes()[..], &region.to_le_bytes(), &count.to_le_bytes(), data].concat())
}

/// Sends only `bytes`, and reads the server's answer until the server closes the connection.
fn send(mut stream: UnixStream, bytes: &[u8]) -> Vec<u8> {
    // The server may have closed already.
    _ = stream.write_all(bytes);
    _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    answer
}

/// Reads the vendor and device ids, as a correct client does.
fn is_served(stream: UnixStream) -> bool {
    let answer = send(stream, &[version(), region_access(9, 0, 7, 4, &[])].concat());
    answer.ends_with(&[0x86, 0x80, 0xFB, 0x10])
}

/// Returns the bytes for port 0, each with the expected log entry: none, an error, or a closed connection.
fn cases() -> Vec<(String, Vec<u8>, &'static str)> {
    let closes = "the connection is closed: ";
    let message_fails = "Error handling command";
    let fixed = [
        ("nothing", Vec::new(), ""),
        ("half a header", vec![1; 9], message_fails),
        ("an unknown command", whole(999, &[]), message_fails),
        ("a version without its body", message(1, 16, &[]), message_fails),
        ("a version of a negative length", message(1, 3, &[0; 4]), closes),
        ("a version that ends early", message(1, 4096, &[0; 40]), message_fails),
        ("a version of 4 GB", message(1, u32::MAX, &[0; 40]), message_fails),
        ("a version without its zero", whole(1, b"\0\0\0\0{}"), closes),
        ("a version that is no JSON", whole(1, b"\0\0\0\0{{{{\0"), message_fails),
        ("a read of 4 GB", region_access(9, 0, 0, u32::MAX, &[]), message_fails),
        ("a read of no region", region_access(9, 0, 77, 4, &[]), message_fails),
        ("a read from far beyond", region_access(9, u64::MAX - 1, 7, 4, &[]), ""),
        ("a write from far beyond", region_access(10, u64::MAX - 1, 7, 4, &[1; 4]), ""),
        ("a write with less than it says", region_access(10, 0, 7, 400, &[1; 4]), message_fails),
        ("a mapping that wraps", whole(2, &[0xFF; 32]), ""),
        ("an unmapping of all there is not", whole(3, &[0xFF; 24]), ""),
        ("interrupts beyond all", whole(8, &[0xFF; 20]), message_fails),
        ("interrupts without files", whole(8, &[20, 0, 0, 0, 36, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]), ""),
    ];
    let mut cases: Vec<_> = fixed.map(|(what, bytes, expected)| (what.to_owned(), bytes, expected)).into();
    // Noise, and noise after headers with valid commands.
    let mut state = 1_u64;
    let mut noise = |len: usize| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    };
    for seed in 0..8 {
        cases.push((format!("noise {seed}"), noise(500), ""));
        let commands: Vec<u8> = (0..40).flat_map(|n| [message(n % 15, 64, &[]), noise(48)].concat()).collect();
        cases.push((format!("commands {seed}"), commands, ""));
    }
    cases
}

#[test]
fn a_client_that_sends_garbage_loses_its_connection_and_harms_no_other() {
    for (number, (what, bytes, expected)) in cases().into_iter().enumerate() {
        let server = Server::start(&number.to_string());
        let good = server.connect("1");
        send(server.connect("0"), &bytes);
        assert!(is_served(good), "{what}: the other port is no longer served");
        let output = server.end();
        let (printed, logged) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // No signal killed the server, and it printed the violations of both drivers at its exit.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{what}: {:?}: {logged}", output.status);
        assert!(printed.contains("port 0: Counters") && printed.contains("port 1: Counters"), "{what}: {printed}");
        let closed = logged.contains("port 0: the connection is closed: ");
        assert_eq!(closed, output.status.code() == Some(1), "{what}: {logged}");
        if !expected.is_empty() {
            assert!(logged.contains(&format!("port 0: {expected}")), "{what}: {logged}");
        }
        assert!(!logged.contains("port 1: "), "{what}: {logged}");
    }
}
