//! Where a read puts its bytes: a caller's buffer, or one that grows.

/// Where a read puts its bytes.
pub(in crate::engine) trait Sink {
    /// Bytes that it holds already.
    fn len(&self) -> usize;
    /// Bytes that it can still take.
    fn left(&self) -> usize;
    /// Room for the next `count` bytes, at most `left`.
    fn slot(&mut self, count: usize) -> &mut [u8];
    /// Keeps the first `count` bytes of the slot.
    fn keep(&mut self, count: usize);
    /// Forgets everything.
    fn clear(&mut self);
}

/// A caller's buffer.
pub(in crate::engine) struct SliceSink<'a> {
    pub(in crate::engine) buffer: &'a mut [u8],
    pub(in crate::engine) len: usize,
}

impl Sink for SliceSink<'_> {
    fn len(&self) -> usize {
        self.len
    }
    fn left(&self) -> usize {
        self.buffer.len() - self.len
    }
    fn slot(&mut self, count: usize) -> &mut [u8] {
        &mut self.buffer[self.len..self.len + count]
    }
    fn keep(&mut self, count: usize) {
        self.len += count;
    }
    fn clear(&mut self) {
        self.len = 0;
    }
}

/// A buffer that grows with what arrives, not with what was asked for: that of a pending read, or the
/// one that takes a whole message.
pub(in crate::engine) struct VecSink<'a> {
    data: &'a mut Vec<u8>,
    len: usize,
    asked: usize,
}

impl<'a> VecSink<'a> {
    pub(in crate::engine) fn new(data: &'a mut Vec<u8>, asked: usize) -> Self {
        VecSink {
            len: data.len(),
            data,
            asked,
        }
    }
}

impl Sink for VecSink<'_> {
    fn len(&self) -> usize {
        self.len
    }
    fn left(&self) -> usize {
        self.asked - self.len
    }
    fn slot(&mut self, count: usize) -> &mut [u8] {
        self.data.resize(self.len + count, 0);
        &mut self.data[self.len..]
    }
    fn keep(&mut self, count: usize) {
        self.len += count;
        self.data.truncate(self.len);
    }
    fn clear(&mut self) {
        self.len = 0;
        self.data.clear();
    }
}
