//! A map of headers as the engine sees it. Frameworks differ in the version of the `http` crate whose types they use, so
//! this is written once, as a macro over those types.

/// Whether a header of the session may be logged and kept in HPACK's table, which headers with tokens must not be.
pub(super) fn is_harmless(name: &str) -> bool {
    matches!(name, "cache-control" | "vary")
}

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

        /// Copies the cookies of sessions further in to a response that takes the place of another one: what they tell is written.
        pub(super) fn keep_inner_cookies(replaced: &$map, response: &mut $map) {
            for line in replaced.get_all($headers::SET_COOKIE).into_iter().filter(|line| line.is_sensitive())
            {
                response.append($headers::SET_COOKIE, line.clone());
            }
        }

        /// Always `Some`, because the engine writes only legal names and printable ASCII.
        fn header(name: &str, value: &str) -> Option<($name, $value)> {
            let mut value = match frequent(value) {
                Some(value) => value.clone(),
                None => <$value>::from_str(value).ok()?,
            };
            value.set_sensitive(!$crate::adapter::headers::is_harmless(name));
            Some((known(name).or_else(|| <$name>::try_from(name).ok())?, value))
        }

        /// The values that nearly every response gets: they need neither a check nor a copy.
        fn frequent(value: &str) -> Option<&'static $value> {
            static COOKIE: $value = <$value>::from_static("Cookie");
            static PRIVATE: $value = <$value>::from_static("private, no-cache");
            Some(match value {
                "Cookie" => &COOKIE,
                "private, no-cache" => &PRIVATE,
                _ => return None,
            })
        }

        /// The names that nearly every request asks for: to read one anew takes longer than to look for it.
        fn known(name: &str) -> Option<$name> {
            static SEC_FETCH_SITE: $name = <$name>::from_static("sec-fetch-site");
            Some(match name {
                "cookie" => $headers::COOKIE,
                "sec-fetch-site" => SEC_FETCH_SITE.clone(),
                "origin" => $headers::ORIGIN,
                "vary" => $headers::VARY,
                "cache-control" => $headers::CACHE_CONTROL,
                "set-cookie" => $headers::SET_COOKIE,
                _ => return None,
            })
        }
    };
}

pub(super) use engine_sees_headers;
