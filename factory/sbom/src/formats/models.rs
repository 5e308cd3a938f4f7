//! Heads of model files: safetensors and GGUF. The weights behind them are not read.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Broken, Order, ReadAt, Stream, text};
use crate::limits;

/// Bytes of the head of a safetensors file; the format allows 100 MB. A model of 70,000 tensors has 10.
pub const SAFETENSORS_HEAD: u64 = 100_000_000;
/// Words that a GGUF file says of itself.
pub const GGUF_WORDS: u64 = 65_536;
/// Bytes of the head of a GGUF file: mostly the vocabulary.
pub const GGUF_HEAD: u64 = 512 << 20;

/// What a model file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// How many tensors.
    pub tensors: u64,
    /// How many numbers in all tensors; none where the head does not say it.
    pub parameters: Option<u64>,
    /// Kinds of numbers in it, like `BF16`, sorted.
    pub types: Vec<String>,
    /// Words of the file: safetensors' `__metadata__`, GGUF's keys with a text, a number or a truth.
    pub words: BTreeMap<String, String>,
}

/// Reads the head of a safetensors file.
///
/// # Errors
/// There is none.
pub fn safetensors(file: &(impl ReadAt + ?Sized)) -> Result<Model, Broken> {
    let head = file.range(0, 8)?;
    let length = Order::Little.u64(&head, 0).unwrap_or_default();
    if !(2..=SAFETENSORS_HEAD).contains(&length) {
        return Err(Broken::at(0, format!("a head of {length} bytes; 2 to {SAFETENSORS_HEAD} are expected")));
    }
    if length > file.length() - 8 {
        return Err(Broken::at(0, format!("a head of {length} bytes, but the file ends before")));
    }
    let stream = std::io::BufReader::new(Stream::new(file, 8).take(length));
    let head: Head = serde_json::from_reader(stream).map_err(|e| Broken::at(8, e))?;
    Ok(head.0)
}

/// Counts while it reads, so that the head is never held.
struct Head(Model);

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadVisitor)
    }
}

struct HeadVisitor;

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Product,
    #[serde(default, rename = "data_offsets")]
    _offsets: IgnoredAny,
}

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut model = Model { parameters: Some(0), ..Model::default() };
        while let Some(key) = map.next_key::<String>()? {
            if key == "__metadata__" {
                let Words(words) = map.next_value()?;
                model.words = words;
                continue;
            }
            let tensor: Tensor = map.next_value()?;
            let Product(size) = tensor.shape;
            model.parameters = model.parameters.zip(size).and_then(|(all, size)| all.checked_add(size));
            model.tensors += 1;
            let kind = clean(&tensor.dtype);
            if let Err(at) = model.types.binary_search(&kind)
                && model.types.len() < 64
                && kind.len() < 64
            {
                model.types.insert(at, kind);
            }
        }
        Ok(Head(model))
    }
}

/// The numbers of a list multiplied, which is never held; none where they are too many for a number.
struct Product(Option<u64>);

impl<'de> Deserialize<'de> for Product {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ProductVisitor)
    }
}

struct ProductVisitor;

impl<'de> Visitor<'de> for ProductVisitor {
    type Value = Product;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lengths")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Product, A::Error> {
        let mut size = Some(1_u64);
        while let Some(length) = list.next_element::<u64>()? {
            size = size.and_then(|size| size.checked_mul(length));
        }
        Ok(Product(size))
    }
}

/// The first words of a file that are short enough to be some.
struct Words(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
        let mut words = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if key.len() + value.len() <= limits::WORD && words.len() < 256 {
                words.insert(clean(&key), clean(&value));
            }
        }
        Ok(Words(words))
    }
}

fn clean(word: &str) -> String {
    text(word.as_bytes(), limits::WORD)
}

/// Reads the head of a GGUF file.
///
/// # Errors
/// There is none, or it is cut off.
pub fn gguf(file: &(impl ReadAt + ?Sized)) -> Result<Model, Broken> {
    let start = file.range(0, 8)?;
    if !start.starts_with(b"GGUF") {
        return Err(Broken::at(0, "\"GGUF\" is expected"));
    }
    // A version is a small number, so its low half shows the order.
    let order = if Order::Little.u16(&start, 4) == Some(0) { Order::Big } else { Order::Little };
    let version = order.u32(&start, 4).unwrap_or_default();
    if !(1..=3).contains(&version) {
        return Err(Broken::at(4, format!("version {version}; 1 to 3 are known")));
    }
    let mut reading = Gguf { stream: Stream::new(file, 8), order, wide: version > 1 };
    let (tensors, words) = (reading.count()?, reading.count()?);
    if words > GGUF_WORDS {
        return Err(Broken::new(format!("{words} words; at most {GGUF_WORDS} are read")));
    }
    let mut model = Model { tensors, ..Model::default() };
    for _ in 0..words {
        let key = reading.string(limits::WORD as u64)?.unwrap_or_default();
        let kind = reading.u32()?;
        let value = reading.value(kind, 0)?;
        if let Some(value) = value.filter(|_| !key.is_empty() && model.words.len() < 1024) {
            model.words.insert(key, value);
        }
    }
    Ok(model)
}

struct Gguf<'a, R: ?Sized> {
    stream: Stream<'a, R>,
    order: Order,
    wide: bool,
}

impl<R: ReadAt + ?Sized> Gguf<'_, R> {
    fn raw<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let at = self.stream.place();
        let mut raw = [0; N];
        self.stream.read_exact(&mut raw).map_err(|_| Broken::at(at, "the head is cut off"))?;
        Ok(raw)
    }

    fn u32(&mut self) -> Result<u32, Broken> {
        let raw = self.raw::<4>()?;
        Ok(self.order.u32(&raw, 0).unwrap_or_default())
    }

    fn u64(&mut self) -> Result<u64, Broken> {
        let raw = self.raw::<8>()?;
        Ok(self.order.u64(&raw, 0).unwrap_or_default())
    }

    fn count(&mut self) -> Result<u64, Broken> {
        if self.wide { self.u64() } else { self.u32().map(u64::from) }
    }

    fn skip(&mut self, count: u64) -> Result<(), Broken> {
        let at = self.stream.place();
        let end = at.checked_add(count).filter(|end| *end <= GGUF_HEAD && *end <= self.stream.inner_length());
        if end.is_none() {
            return Err(Broken::at(at, format!("{count} bytes are expected, but the head ends before")));
        }
        self.stream.skip(count);
        Ok(())
    }

    /// A text; none where it is longer than `limit`, which is not a word but a document.
    fn string(&mut self, limit: u64) -> Result<Option<String>, Broken> {
        let length = self.count()?;
        if length > limit {
            self.skip(length)?;
            return Ok(None);
        }
        let mut raw = vec![0; usize::try_from(length).unwrap_or_default()];
        let at = self.stream.place();
        self.stream.read_exact(&mut raw).map_err(|_| Broken::at(at, "the head is cut off"))?;
        Ok(Some(text(&raw, limits::WORD)))
    }

    /// A value; none for a list, which is left out.
    fn value(&mut self, kind: u32, depth: usize) -> Result<Option<String>, Broken> {
        Ok(Some(match kind {
            0 => u8::from_le_bytes(self.raw()?).to_string(),
            1 => i8::from_le_bytes(self.raw()?).to_string(),
            7 => (self.raw::<1>()? != [0]).to_string(),
            2 => self.order.u16(&self.raw::<2>()?, 0).unwrap_or_default().to_string(),
            3 => self.order.u16(&self.raw::<2>()?, 0).unwrap_or_default().cast_signed().to_string(),
            4 => self.u32()?.to_string(),
            5 => self.u32()?.cast_signed().to_string(),
            6 => f32::from_bits(self.u32()?).to_string(),
            8 => return self.string(limits::WORD as u64),
            9 => {
                self.list(depth)?;
                return Ok(None);
            }
            10 => self.u64()?.to_string(),
            11 => self.u64()?.cast_signed().to_string(),
            12 => f64::from_bits(self.u64()?).to_string(),
            other => {
                return Err(Broken::at(self.stream.place(), format!("a value of the unknown kind {other}")));
            }
        }))
    }

    fn list(&mut self, depth: usize) -> Result<(), Broken> {
        let kind = self.u32()?;
        let count = self.count()?;
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            // Every text and every list has its length, so there are no more of them than bytes.
            8 => {
                for _ in 0..count {
                    let length = self.count()?;
                    self.skip(length)?;
                }
                return Ok(());
            }
            9 if depth < 4 => {
                for _ in 0..count {
                    self.list(depth + 1)?;
                }
                return Ok(());
            }
            other => {
                return Err(Broken::at(self.stream.place(), format!("a list of the unknown kind {other}")));
            }
        };
        self.skip(count.saturating_mul(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_head(json: &str) -> Vec<u8> {
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[0; 16]].concat()
    }

    #[test]
    fn safetensors_are_counted() {
        let file = with_head(
            r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,4],"data_offsets":[0,16]},
               "b":{"dtype":"F32","shape":[],"data_offsets":[16,20]}}"#,
        );
        let model = safetensors(file.as_slice()).unwrap();
        assert_eq!((model.tensors, model.parameters), (2, Some(9)));
        assert_eq!(model.types, ["BF16", "F32"]);
        assert_eq!(model.words["format"], "pt");
    }

    #[test]
    fn broken_safetensors_say_why() {
        for (bytes, said) in [
            (u64::MAX.to_le_bytes().to_vec(), "byte 0: a head of 18446744073709551615 bytes; 2 to"),
            (50_u64.to_le_bytes().to_vec(), "byte 0: a head of 50 bytes, but the file ends before"),
            (with_head("[]"), "byte 8: invalid type: sequence, expected an object of tensors"),
            (vec![1], "byte 0: 8 bytes are expected"),
        ] {
            let e = safetensors(bytes.as_slice()).unwrap_err().to_string();
            assert!(e.starts_with(said), "{e}");
        }
    }

    fn gguf_file(words: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
        let string = |s: &str| [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat();
        let mut file = [&b"GGUF"[..], &3_u32.to_le_bytes(), &7_u64.to_le_bytes()].concat();
        file.extend((words.len() as u64).to_le_bytes());
        for (key, kind, value) in words {
            file.extend(string(key));
            file.extend(kind.to_le_bytes());
            file.extend(value);
        }
        file
    }

    #[test]
    fn gguf_words_are_read_and_lists_left_out() {
        let string = |s: &str| [&(s.len() as u64).to_le_bytes()[..], s.as_bytes()].concat();
        let list = [&8_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &string("one"), &string("two")].concat();
        let lists = [
            &9_u32.to_le_bytes()[..],
            &1_u64.to_le_bytes(),
            &4_u32.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &[0; 8],
        ];
        let file = gguf_file(&[
            ("general.name", 8, string("Tiny")),
            ("tokenizer.ggml.tokens", 9, list),
            ("lists", 9, lists.concat()),
            ("general.file_type", 4, 7_u32.to_le_bytes().to_vec()),
            ("rope", 6, 0.5_f32.to_le_bytes().to_vec()),
            ("yes", 7, vec![1]),
        ]);
        let model = gguf(file.as_slice()).unwrap();
        assert_eq!(model.tensors, 7);
        let words: Vec<_> = model.words.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(words, ["general.file_type=7", "general.name=Tiny", "rope=0.5", "yes=true"]);
    }

    #[test]
    fn hostile_gguf_ends() {
        let endless = [&4_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
        let said = gguf(gguf_file(&[("a", 9, endless)]).as_slice()).unwrap_err().to_string();
        assert!(said.contains("the head ends before"), "{said}");
        let empty = [&8_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
        let said = gguf(gguf_file(&[("a", 9, empty)]).as_slice()).unwrap_err().to_string();
        assert!(said.contains("the head is cut off"), "{said}");
        let said = gguf(b"GGUF\0\0\0\x09".as_slice()).unwrap_err().to_string();
        assert_eq!(said, "byte 4: version 9; 1 to 3 are known");
    }
}
