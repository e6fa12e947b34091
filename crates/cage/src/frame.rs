//! What the server and its workers say to each other: JSON in frames, each with its length in
//! four bytes, little endian, before it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tenterhook_jinja::{Mode, RenderError, RenderErrorKind, Undefined};
use tenterhook_model::TemplateVariables;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of a frame at most: an event of 256 KiB escaped, or an output of 1 MiB escaped.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A template and what to do with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    source: String,
    mode: u8,
    strict: bool,
    pub(crate) task: Task,
}

/// What to do with a template.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Only compile it.
    Compile,
    /// Compile it, or find it compiled, and render it.
    Render {
        /// The context, a JSON object.
        context: Box<RawValue>,
        /// The variables of the environment, when the template reads it.
        variables: Option<TemplateVariables>,
    },
}

impl Task {
    /// Its name in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Render { .. } => "render",
        }
    }
}

impl Request {
    pub(crate) fn compiling(source: &str, mode: Mode, undefined: Undefined) -> Self {
        let mode = match mode {
            Mode::Text => 0,
            Mode::HeaderValue => 1,
            Mode::HeaderBlock => 2,
        };
        Self { source: source.to_owned(), mode, strict: undefined == Undefined::Strict, task: Task::Compile }
    }

    /// # Errors
    /// `context` is no JSON.
    pub(crate) fn rendering(
        source: &str,
        mode: Mode,
        undefined: Undefined,
        context: &str,
    ) -> Result<Self, serde_json::Error> {
        let context = RawValue::from_string(context.to_owned())?;
        let task = Task::Render { context, variables: None };
        Ok(Self { task, ..Self::compiling(source, mode, undefined) })
    }

    /// The request to render with these variables of the environment.
    pub(crate) fn reading(mut self, read: Option<&TemplateVariables>) -> Self {
        if let Task::Render { variables, .. } = &mut self.task {
            *variables = read.cloned();
        }
        self
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn mode(&self) -> Mode {
        match self.mode {
            0 => Mode::Text,
            1 => Mode::HeaderValue,
            _ => Mode::HeaderBlock,
        }
    }

    pub(crate) fn undefined(&self) -> Undefined {
        if self.strict { Undefined::Strict } else { Undefined::Lenient }
    }
}

/// What became of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It compiles, or has faults that the server finds itself.
    Compiled,
    /// It rendered.
    Output(String),
    /// It failed.
    Failed(Failure),
}

/// A render error, on its way between processes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    limit: bool,
    line: u32,
    column: u32,
    message: String,
    source_line: String,
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        let limit = error.kind == RenderErrorKind::Limit;
        let RenderError { line, column, message, source_line, .. } = error;
        Self { limit, line, column, message, source_line }
    }
}

impl From<Failure> for RenderError {
    fn from(failure: Failure) -> Self {
        let kind = if failure.limit { RenderErrorKind::Limit } else { RenderErrorKind::Template };
        let Failure { line, column, message, source_line, .. } = failure;
        Self { kind, line, column, message, source_line }
    }
}

fn length(bytes: &[u8]) -> io::Result<[u8; 4]> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(io::Error::other("a frame is too long"));
    }
    u32::try_from(bytes.len()).map(u32::to_le_bytes).map_err(io::Error::other)
}

fn checked(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX { Err(io::Error::other("a frame is too long")) } else { Ok(length) }
}

/// Reads a frame in the worker; `None` at the end of the input.
pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    match input.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = vec![0; checked(head)?];
    input.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a frame in the worker.
pub(crate) fn write(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    output.write_all(&length(bytes)?)?;
    output.write_all(bytes)?;
    output.flush()
}

/// Reads a frame in the server.
pub(crate) async fn receive(input: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    input.read_exact(&mut head).await?;
    let mut bytes = vec![0; checked(head)?];
    input.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Writes a frame in the server.
pub(crate) async fn send(output: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(4 + bytes.len());
    frame.extend_from_slice(&length(bytes)?);
    frame.extend_from_slice(bytes);
    output.write_all(&frame).await?;
    output.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_as_they_were_written_and_end_cleanly() {
        let mut bytes = Vec::new();
        write(&mut bytes, b"one").unwrap();
        write(&mut bytes, b"").unwrap();
        let mut input = bytes.as_slice();
        assert_eq!(read(&mut input).unwrap().as_deref(), Some(b"one".as_slice()));
        assert_eq!(read(&mut input).unwrap().as_deref(), Some(b"".as_slice()));
        assert_eq!(read(&mut input).unwrap(), None);
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_it_is_read() {
        let mut input = u32::MAX.to_le_bytes().to_vec();
        input.extend([0; 16]);
        assert!(read(&mut input.as_slice()).is_err());
    }

    #[test]
    fn a_context_keeps_its_spelling_on_the_way() {
        let request = Request::rendering("{{ a }}", Mode::HeaderBlock, Undefined::Strict, r#"{"a":1.50}"#).unwrap();
        let bytes = serde_json::to_vec(&request).unwrap();
        let read: Request = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((read.source(), read.mode(), read.undefined()), ("{{ a }}", Mode::HeaderBlock, Undefined::Strict));
        let Task::Render { context, .. } = read.task else { panic!("the task is to render") };
        assert_eq!(context.get(), r#"{"a":1.50}"#);
    }
}
