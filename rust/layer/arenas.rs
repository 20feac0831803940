//! Where the arrays of a network lie: one flat arena for what is learned, one for what is gathered from data.

use std::ops::Range;

use crate::initializer::Initializer;
use crate::math::Float;
use crate::random::Stream;

/// A named array within one of the network's arenas.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `layers.0.kernel`, say: the number is the layer's place in the spec.
    pub name: String,
    /// `[inputs, units]`, say.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub range: Range<usize>,
    /// Whether training moves it.
    pub trainable: bool,
    initializer: Initializer,
    fans: [usize; 2],
}

impl Parameter {
    /// Sets the array's part of its arena to its first values. Each array has a stream of its own name.
    pub(crate) fn initialize<F: Float>(&self, seed: u64, arena: &mut [F]) {
        let mut stream = Stream::new(seed, &self.name, 0);
        self.initializer.fill(&mut arena[self.range.clone()], self.fans[0], self.fans[1], &mut stream);
    }
}

/// Gives every array of a network its place, in the order of the layers.
#[derive(Clone, Debug, Default)]
pub struct Arenas {
    /// What is learned: kernel, bias, kernel, bias, ..
    pub parameters: Vec<Parameter>,
    /// What is gathered from data: running statistics.
    pub buffers: Vec<Parameter>,
}

impl Arenas {
    /// A place for an array that is learned. `fans` are the inputs and units that its first values depend on.
    pub(super) fn parameter(
        &mut self,
        name: String,
        shape: Vec<usize>,
        initializer: Initializer,
        fans: [usize; 2],
        trainable: bool,
    ) -> Range<usize> {
        push(&mut self.parameters, name, shape, initializer, fans, trainable)
    }

    /// A place for an array that is gathered.
    pub(super) fn buffer(&mut self, name: String, shape: Vec<usize>, initializer: Initializer) -> Range<usize> {
        push(&mut self.buffers, name, shape, initializer, [0; 2], false)
    }
}

fn push(
    arena: &mut Vec<Parameter>,
    name: String,
    shape: Vec<usize>,
    initializer: Initializer,
    fans: [usize; 2],
    trainable: bool,
) -> Range<usize> {
    let start = length(arena);
    let range = start..start + shape.iter().product::<usize>();
    arena.push(Parameter { name, shape, range: range.clone(), trainable, initializer, fans });
    range
}

/// Numbers of a whole arena.
pub(crate) fn length(arena: &[Parameter]) -> usize {
    arena.last().map_or(0, |parameter| parameter.range.end)
}
