//! A map of headers as the engine sees it. Frameworks differ in the version of the `http` crate whose types they use, so
//! this is written once, as a macro over those types.

/// Whether a header of the session's may be printed by whatever prints headers, and stand in HPACK's table: tokens may not.
pub(super) fn is_harmless(name: &str) -> bool {
    matches!(name, "cache-control" | "vary")
}

/// Values that nearly every response gets, which need neither a check nor a copy.
pub(super) const FREQUENT: [&str; 2] = ["Cookie", "private, no-cache"];

/// Lets the engine read and write a framework's map of headers, given with the module of its names and values.
macro_rules! engine_sees_headers {
    ($headers:ident, $map:ty, $name:ty, $value:ty) => {
        impl $crate::transport::RequestHeaders for $map {
            fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
                match known(name) {
                    Some(name) => self.get_all(name).into_iter(),
                    None => self.get_all(name).into_iter(),
                }
                .for_each(|value| visit(value.as_bytes()));
            }
        }

        impl $crate::transport::ResponseHeaders for $map {
            fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
                $crate::transport::RequestHeaders::each(self, name, &mut |value| visit(value));
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
            let frequent = $crate::adapter::headers::FREQUENT.into_iter().find(|it| *it == value);
            let mut value = match frequent {
                Some(value) => <$value>::from_static(value),
                None => <$value>::from_str(value).ok()?,
            };
            value.set_sensitive(!$crate::adapter::headers::is_harmless(name));
            Some((known(name).or_else(|| <$name>::try_from(name).ok())?, value))
        }

        /// The names that nearly every request asks for: to read one anew takes longer than to look for it.
        fn known(name: &str) -> Option<$name> {
            Some(match name {
                "cookie" => $headers::COOKIE,
                "vary" => $headers::VARY,
                "cache-control" => $headers::CACHE_CONTROL,
                "set-cookie" => $headers::SET_COOKIE,
                _ => return None,
            })
        }
    };
}

pub(super) use engine_sees_headers;
