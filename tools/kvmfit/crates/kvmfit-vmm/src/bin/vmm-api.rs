// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A request to the API of a VMM, which is HTTP over a Unix socket, as that of Firecracker and of
//! cloud-hypervisor.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// The most bytes of an answer that are read.
const MOST: u64 = 1 << 20;

/// Sends a request and returns the status and the answer.
fn request(
    stream: &mut UnixStream,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let invalid = |text| std::io::Error::new(std::io::ErrorKind::InvalidData, text);
    // In one call: `write!` makes one for each part.
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = BufReader::new(stream.take(MOST));
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.trim().parse().ok());
    let status = status.ok_or_else(|| invalid("the answer is not HTTP"))?;
    let mut length = 0;
    loop {
        line.clear();
        if answer.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| invalid("the answer has no length"))?;
            }
        }
    }
    let mut text = String::new();
    answer.take(length).read_to_string(&mut text)?;
    Ok((status, text))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (socket, method, path, body) = match &args[..] {
        [socket, method, path] => (socket, method, path, ""),
        [socket, method, path, body] => (socket, method, path, body.as_str()),
        _ => {
            eprintln!("usage: vmm-api SOCKET METHOD PATH [JSON]");
            return ExitCode::from(2);
        }
    };
    let answer =
        UnixStream::connect(socket).and_then(|mut stream| request(&mut stream, method, path, body));
    match answer {
        Ok((200..=299, _)) => ExitCode::SUCCESS,
        Ok((status, text)) => {
            eprintln!("{method} {path}: {status}: {text}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{method} {path}: {socket}: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// What a VMM would get, and what comes of its answer.
    fn exchange(answer: &'static str) -> (String, std::io::Result<(u16, String)>) {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let vmm = thread::spawn(move || {
            let mut bytes = [0; 4096];
            let len = there.read(&mut bytes).unwrap();
            there.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(bytes[..len].to_vec()).unwrap()
        });
        let result = request(&mut here, "PUT", "/vm", "{}");
        (vmm.join().unwrap(), result)
    }

    #[test]
    fn a_request_has_its_length_and_body() {
        let (sent, answer) = exchange("HTTP/1.1 204 No Content\r\n\r\n");
        assert!(sent.starts_with("PUT /vm HTTP/1.1\r\n"), "{sent}");
        assert!(sent.ends_with("Content-Length: 2\r\n\r\n{}"), "{sent}");
        assert_eq!(answer.unwrap(), (204, String::new()));
    }

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (_, answer) =
            exchange("HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nfault and more");
        assert_eq!(answer.unwrap(), (400, "fault".to_string()));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for answer in ["", "hello\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"] {
            assert!(exchange(answer).1.is_err(), "{answer}");
        }
    }
}
