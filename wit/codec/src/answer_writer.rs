//! The guest's side of an answer.

use crate::{Field, HeaderRef, NULL, OutputHeaders, OutputRef, SAME, TooLong, packer::Packer};

/// Packs verdicts and their outputs, in the order of the messages. Reuse one: [`clear`](Self::clear) keeps
/// the buffers.
///
/// For a message that was handled call [`done`](Self::done), then [`output`](Self::output) for each of its
/// outputs. After a failure write nothing more, or only [`not_attempted`](Self::not_attempted).
#[derive(Debug)]
pub struct AnswerWriter {
    packer: Packer,
    /// The word with the count of outputs of the last verdict, where that is *done*.
    outputs: Option<usize>,
}

impl Default for AnswerWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl AnswerWriter {
    /// An answer without a verdict.
    pub fn new() -> Self {
        Self {
            packer: Packer::new(),
            outputs: None,
        }
    }

    /// The next message was handled.
    pub fn done(&mut self) {
        self.verdict(0);
        self.outputs = Some(self.packer.index.len());
        self.packer.index.push(0);
    }

    /// Adds an output to the message that is done. Without one it does nothing.
    ///
    /// # Errors
    /// Something is too long for the layout. The answer is as it was before this output, but for a topic that nobody names.
    pub fn output<'a, H>(&mut self, output: OutputRef<'a, H>) -> Result<(), TooLong>
    where
        H: IntoIterator<Item = HeaderRef<'a>>,
    {
        let Some(mut count) = self.outputs else {
            return Ok(());
        };
        let topic = match output.topic {
            Some(topic) => {
                let before = self.packer.index.len();
                let topic = self.packer.intern(topic)?;
                count += self.packer.index.len() - before;
                self.outputs = Some(count);
                topic
            }
            None => NULL,
        };
        let mark = self.packer.mark();
        self.pack(topic, output)
            .inspect_err(|_| self.packer.rewind(mark))?;
        self.packer.index[count] += 1;
        Ok(())
    }

    fn pack<'a, H>(&mut self, topic: u32, output: OutputRef<'a, H>) -> Result<(), TooLong>
    where
        H: IntoIterator<Item = HeaderRef<'a>>,
    {
        let packer = &mut self.packer;
        packer.index.extend([
            topic,
            output.partition.map_or(NULL, i32::cast_unsigned),
            u32::from(output.timestamp.is_some()),
        ]);
        packer.wide(output.timestamp.unwrap_or(0).cast_unsigned());
        for field in [output.key, output.value] {
            match field {
                Field::Null => packer.index.push(NULL),
                Field::Same => packer.index.push(SAME),
                Field::Bytes(bytes) => packer.bytes(bytes)?,
            }
        }
        match output.headers {
            OutputHeaders::Same => {
                packer.index.push(SAME);
                Ok(())
            }
            OutputHeaders::Own(headers) => packer.headers(headers),
        }
    }

    /// The next message shall be tried again, after so many milliseconds if given.
    pub fn retry(&mut self, delay: Option<u64>) {
        self.verdict(1);
        self.packer.wide(delay.unwrap_or(u64::MAX));
    }

    /// The next message shall be dead-lettered now.
    ///
    /// # Errors
    /// The text is too long for the layout. The answer is as it was.
    pub fn reject(&mut self, text: &str) -> Result<(), TooLong> {
        self.text_verdict(2, text)
    }

    /// The next message failed.
    ///
    /// # Errors
    /// The text is too long for the layout. The answer is as it was.
    pub fn other(&mut self, text: &str) -> Result<(), TooLong> {
        self.text_verdict(3, text)
    }

    /// The next message was skipped.
    pub fn not_attempted(&mut self) {
        self.verdict(4);
    }

    fn verdict(&mut self, verdict: u32) {
        self.outputs = None;
        self.packer.index.push(verdict);
        self.packer.add_count();
    }

    fn text_verdict(&mut self, verdict: u32, text: &str) -> Result<(), TooLong> {
        let mark = self.packer.mark();
        self.verdict(verdict);
        self.packer
            .bytes(text.as_bytes())
            .inspect_err(|_| self.packer.rewind(mark))
    }

    /// Makes the answer empty again.
    pub fn clear(&mut self) {
        self.packer.clear();
        self.outputs = None;
    }

    /// How many verdicts are in it.
    pub fn len(&self) -> u32 {
        self.packer.count()
    }

    /// Whether no verdict is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the answer, the first argument of `emit`.
    pub fn arena(&self) -> &[u8] {
        &self.packer.arena
    }

    /// The words of the answer, the second argument of `emit`.
    pub fn index(&self) -> &[u32] {
        &self.packer.index
    }
}
