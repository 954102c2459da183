//! Numbers and texts as bytes, little end first, and back with every bound checked.

use super::ModelFileError;

/// Puts numbers behind one another.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn u128(&mut self, number: u128) {
        self.raw(&number.to_le_bytes());
    }

    pub(super) fn f64(&mut self, number: f64) {
        self.raw(&number.to_le_bytes());
    }

    /// All of them, without their count.
    pub(super) fn f64s(&mut self, numbers: &[f64]) {
        for number in numbers {
            self.f64(*number);
        }
    }

    /// Its length, then its bytes.
    pub(super) fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.raw(text.as_bytes());
    }
}

/// Takes numbers off the front.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { bytes }
    }

    /// What was not taken yet.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.bytes
    }

    pub(super) fn raw(&mut self, count: usize) -> Result<&'b [u8], ModelFileError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(ModelFileError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelFileError> {
        Ok(self.raw(N)?.try_into().expect("as many were asked for"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, ModelFileError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, ModelFileError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ModelFileError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Result<u128, ModelFileError> {
        self.array().map(u128::from_le_bytes)
    }

    /// A count of at most `most`: nothing is reserved for one before it is known.
    pub(super) fn count(
        &mut self,
        what: &'static str,
        most: usize,
    ) -> Result<usize, ModelFileError> {
        let count = self.u32()? as usize;
        if count <= most { Ok(count) } else { Err(ModelFileError::Invalid(what)) }
    }

    /// A number from `least` to `most`, and so not one that is not a number.
    pub(super) fn f64_within(
        &mut self,
        what: &'static str,
        least: f64,
        most: f64,
    ) -> Result<f64, ModelFileError> {
        let number = f64::from_le_bytes(self.array()?);
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err(ModelFileError::Invalid(what))
        }
    }

    /// A text of at most `most` bytes.
    pub(super) fn text(
        &mut self,
        what: &'static str,
        most: usize,
    ) -> Result<&'b str, ModelFileError> {
        let len = self.count(what, most)?;
        std::str::from_utf8(self.raw(len)?).map_err(|_| ModelFileError::Invalid(what))
    }
}
