//! A map of headers as the engine sees it. Frameworks differ in the version of the `http` crate whose types they use, so
//! this is written once, as a macro over those types.

/// Whether a header of the session's may be printed by whatever prints headers, and stand in HPACK's table: tokens may not.
pub(super) fn is_harmless(name: &str) -> bool {
    matches!(name, "cache-control" | "vary")
}

/// Lets the engine read and write a framework's map of headers, given with its names and values.
macro_rules! engine_sees_headers {
    ($map:ty, $name:ty, $value:ty) => {
        impl $crate::transport::RequestHeaders for $map {
            fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
                self.get_all(name).into_iter().for_each(|value| visit(value.as_bytes()));
            }
        }

        impl $crate::transport::ResponseHeaders for $map {
            fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
                self.get_all(name).into_iter().for_each(|value| visit(value.as_bytes()));
            }

            fn set(&mut self, name: &str, value: &str) {
                if let Some((name, value)) = header(name, value) {
                    self.insert(name, value);
                }
            }

            fn append(&mut self, name: &str, value: &str) {
                if let Some((name, value)) = header(name, value) {
                    Self::append(self, name, value);
                }
            }
        }

        /// The engine writes only legal names and printable ASCII, so there always is one.
        fn header(name: &str, value: &str) -> Option<($name, $value)> {
            let mut value = <$value>::from_str(value).ok()?;
            value.set_sensitive(!$crate::adapter::headers::is_harmless(name));
            Some((<$name>::try_from(name).ok()?, value))
        }
    };
}

pub(super) use engine_sees_headers;
