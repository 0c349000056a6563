//! A serializer that refuses what JSON cannot express, which `serde_json` would write as something else: a number that is not
//! finite and an option that holds nothing, both as `null`.

use std::{cell::Cell, fmt};

use serde::{
    Serialize, Serializer,
    ser::{
        self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use serde_json::error::Category;

/// The text of a value.
///
/// # Errors
/// Why it has none, in words that quote nothing of the value.
pub(super) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, &'static str> {
    let refusal = Cell::new(None);
    let mut text = Vec::with_capacity(128);
    let outcome = Part { value, at: Place { refusal: &refusal, after_some: false } }
        .serialize(&mut serde_json::Serializer::new(&mut text));
    match outcome {
        Ok(()) => Ok(text),
        Err(error) => Err(refusal.get().unwrap_or_else(|| reason(&error))),
    }
}

/// Only the writer's own errors are of this category; a value's own words may quote it.
fn reason(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        Category::Syntax => "the keys of a map have to be texts, numbers, or enum variants without content",
        _ => "its own Serialize implementation failed",
    }
}

/// Where in a value the serializer is.
#[derive(Clone, Copy)]
struct Place<'r> {
    /// Why it was refused.
    refusal: &'r Cell<Option<&'static str>>,
    /// Whether what comes next is the content of a `Some`.
    after_some: bool,
}

impl Place<'_> {
    fn within(self) -> Self {
        Self { after_some: false, ..self }
    }

    fn refuse<T, E: ser::Error>(self, reason: &'static str) -> Result<T, E> {
        self.refusal.set(Some(reason));
        Err(E::custom(reason))
    }

    fn check_finite<E: ser::Error>(self, is_finite: bool) -> Result<(), E> {
        if is_finite { Ok(()) } else { self.refuse("a number in it is infinite or not a number") }
    }

    fn check_content<E: ser::Error>(self) -> Result<(), E> {
        if self.after_some {
            self.refuse("it holds Some(None) or Some(()), which reads as None")
        } else {
            Ok(())
        }
    }
}

/// A value, or a part of one, that is written faithfully whatever serializer it gets.
struct Part<'r, 'v, T: ?Sized> {
    value: &'v T,
    at: Place<'r>,
}

impl<T: Serialize + ?Sized> Serialize for Part<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Faithful { inner: serializer, at: self.at })
    }
}

/// Passes everything on to another serializer, apart from what it refuses.
struct Faithful<'r, S> {
    inner: S,
    at: Place<'r>,
}

impl<'r, S> Faithful<'r, S> {
    fn compound<C, E>(at: Place<'r>, inner: Result<C, E>) -> Result<Compound<'r, C>, E> {
        inner.map(|inner| Compound { inner, at: at.within() })
    }
}

/// Methods that only pass on what they get.
macro_rules! pass_on {
    ($($method:ident($($name:ident: $type:ty),*);)+) => {
        $(fn $method(self, $($name: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($name),*)
        })+
    };
}

impl<'r, S: Serializer> Serializer for Faithful<'r, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Compound<'r, S::SerializeSeq>;
    type SerializeTuple = Compound<'r, S::SerializeTuple>;
    type SerializeTupleStruct = Compound<'r, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Compound<'r, S::SerializeTupleVariant>;
    type SerializeMap = Compound<'r, S::SerializeMap>;
    type SerializeStruct = Compound<'r, S::SerializeStruct>;
    type SerializeStructVariant = Compound<'r, S::SerializeStructVariant>;

    pass_on! {
        serialize_bool(v: bool);
        serialize_i8(v: i8);
        serialize_i16(v: i16);
        serialize_i32(v: i32);
        serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8);
        serialize_u16(v: u16);
        serialize_u32(v: u32);
        serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    fn serialize_f32(self, v: f32) -> Result<S::Ok, S::Error> {
        self.at.check_finite(v.is_finite())?;
        self.inner.serialize_f32(v)
    }

    fn serialize_f64(self, v: f64) -> Result<S::Ok, S::Error> {
        self.at.check_finite(v.is_finite())?;
        self.inner.serialize_f64(v)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.at.check_content()?;
        self.inner.serialize_none()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.at.check_content()?;
        self.inner.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.at.check_content()?;
        self.inner.serialize_unit_struct(name)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Part { value, at: Place { after_some: true, ..self.at } })
    }

    /// It leaves no trace in the text, so what is in it still stands in the `Some`.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Part { value, at: self.at })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, index, variant, &Part { value, at: self.at.within() })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Self::compound(self.at, self.inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Self::compound(self.at, self.inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Self::compound(self.at, self.inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Self::compound(self.at, self.inner.serialize_tuple_variant(name, index, variant, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Self::compound(self.at, self.inner.serialize_map(len))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        Self::compound(self.at, self.inner.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Self::compound(self.at, self.inner.serialize_struct_variant(name, index, variant, len))
    }
}

/// What holds other values.
struct Compound<'r, C> {
    inner: C,
    at: Place<'r>,
}

impl<'r, C> Compound<'r, C> {
    const fn part<'v, T: ?Sized>(&self, value: &'v T) -> Part<'r, 'v, T> {
        Part { value, at: self.at }
    }
}

/// What passes on elements, one behind the other.
macro_rules! pass_on_elements {
    ($($trait:ident: $method:ident;)+) => {
        $(impl<C: $trait> $trait for Compound<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let part = self.part(value);
                self.inner.$method(&part)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })+
    };
}

pass_on_elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// What passes on fields with names.
macro_rules! pass_on_fields {
    ($($trait:ident;)+) => {
        $(impl<C: $trait> $trait for Compound<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                let part = self.part(value);
                self.inner.serialize_field(name, &part)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(name)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })+
    };
}

pass_on_fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<C: SerializeMap> SerializeMap for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        let part = self.part(key);
        self.inner.serialize_key(&part)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let part = self.part(value);
        self.inner.serialize_value(&part)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
