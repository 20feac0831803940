//! One error type for the whole crate: what was asked, what was expected, what came.

use std::path::PathBuf;

/// Result of everything in this crate that a caller's input can make fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation was refused or stopped. Every message says where, what was expected and what came.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Arrays whose shapes do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The operation and the argument.
        what: String,
        /// The shape that would fit.
        expected: String,
        /// The shape that came.
        got: String,
    },
    /// A value outside its range.
    #[error("{name} must be {expected}, got {got}")]
    Value {
        /// The parameter.
        name: String,
        /// Its range.
        expected: String,
        /// What came.
        got: String,
    },
    /// Data that cannot be trained on or predicted from.
    #[error("{0}")]
    Data(String),
    /// A description of a network or its training that does not parse or does not make sense.
    #[error("{0}")]
    Spec(String),
    /// The loss stopped being finite.
    #[error(
        "training diverged in epoch {epoch}: the loss is no longer finite{} (last finite loss: {}); {}",
        layer.as_ref().map_or(String::new(), |layer| format!(", first in {layer}")),
        last_loss.map_or("none".to_string(), |loss| loss.to_string()),
        mend(*last_loss, *learning_rate)
    )]
    Diverged {
        /// Epoch, from 0.
        epoch: u64,
        /// Last finite loss of a batch.
        last_loss: Option<f64>,
        /// The first layer whose outputs or weights are not finite; none if it is the loss alone.
        layer: Option<String>,
        /// The learning rate of the moment.
        learning_rate: f64,
    },
    /// A model file that cannot be trusted or understood.
    #[error("{}: {reason}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// More memory than there is.
    #[error("{what} needs {numbers} numbers ({}): more memory than there is", amount(*numbers, *bytes))]
    Memory {
        /// What was asked for.
        what: &'static str,
        /// Its size.
        numbers: usize,
        /// The size of a number.
        bytes: usize,
    },
    /// The operating system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A callback of the caller's stopped the work with an error of its own.
    #[error("{0}")]
    Callback(Box<dyn std::error::Error + Send + Sync>),
}

/// So many numbers of so many bytes, as people write it.
fn amount(numbers: usize, bytes: usize) -> String {
    let bytes = numbers as f64 * bytes as f64;
    if bytes < 1e9 { format!("{:.1} MB", bytes / 1e6) } else { format!("{:.1} GB", bytes / 1e9) }
}

/// What most likely helps against a divergence.
fn mend(last_loss: Option<f64>, learning_rate: f64) -> String {
    match last_loss {
        Some(_) => format!("try a learning rate below {learning_rate:?}, clip_norm, or scale the inputs"),
        None => "there was no finite loss: scale the inputs, or begin with smaller weights".to_string(),
    }
}

impl From<ndarray::ShapeError> for Error {
    fn from(error: ndarray::ShapeError) -> Error {
        Error::shape("array", "a shape that holds its elements", error.to_string())
    }
}

impl Error {
    pub(crate) fn shape(what: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Error {
        Error::Shape { what: what.into(), expected: expected.into(), got: got.into() }
    }

    /// The same error, saying which data or which network it is about.
    pub(crate) fn of(self, whose: &str) -> Error {
        match self {
            Error::Shape { what, expected, got } => Error::Shape { what: format!("{whose}: {what}"), expected, got },
            Error::Value { name, expected, got } => Error::Value { name: format!("{whose}: {name}"), expected, got },
            Error::Data(message) => Error::Data(format!("{whose}: {message}")),
            other => other,
        }
    }

    /// A divergence, with the last finite loss before it where it does not know of one.
    pub(crate) fn after(self, before: Option<f64>) -> Error {
        match self {
            Error::Diverged { epoch, last_loss, layer, learning_rate } => {
                Error::Diverged { epoch, last_loss: last_loss.or(before), layer, learning_rate }
            }
            other => other,
        }
    }

    pub(crate) fn value(name: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Error {
        Error::Value { name: name.into(), expected: expected.into(), got: got.to_string() }
    }
}
