//! What a URL says: [`parse`].

use std::time::Duration;

use tokio_postgres::{
    Config,
    config::{LoadBalanceHosts, SslMode, TargetSessionAttrs},
};

/// A URL names no PostgreSQL database that this program can connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPostgresUrl(String);

/// After this time of silence the kernel asks whether the other end is still there, so that no firewall forgets an idle
/// connection, and one that is dead is noticed before it is needed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How often it asks in vain.
const KEEPALIVE_PROBES: u32 = 3;

/// What was sent and is not acknowledged for so long ends the connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Reads a URL. The client's own error may quote it, password and all, so it is not passed on.
pub(super) fn parse(url: &str) -> Result<Config, InvalidPostgresUrl> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let rest = rest.ok_or_else(|| invalid("its scheme is unknown"))?;
    if has_bare_delimiter(rest) {
        return Err(invalid(
            "a \"/\", \"?\", \"#\" or \"@\" in a user name or password is written as %2F, %3F, %23 or %40",
        ));
    }
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let (sslmode, others): (Vec<_>, Vec<_>) =
        query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| pair.starts_with("sslmode="));
    let mode = ssl_mode(sslmode.first().map_or("disable", |pair| &pair["sslmode=".len()..]))?;
    let mut config = format!("{place}?{}", others.join("&"))
        .parse::<Config>()
        .map_err(|_| invalid("it is not of the form that its scheme has, or has an unknown option"))?;
    if config.get_hosts().is_empty() {
        return Err(invalid("it names no host"));
    }
    config.ssl_mode(mode);
    set_defaults(&mut config, query);
    Ok(config)
}

fn set_defaults(config: &mut Config, query: &str) {
    if config.get_application_name().is_none() {
        config.application_name("cloakroom");
    }
    if !query.contains("keepalives") {
        config.keepalives_idle(KEEPALIVE);
        config.keepalives_interval(KEEPALIVE / KEEPALIVE_PROBES);
        config.keepalives_retries(KEEPALIVE_PROBES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_hosts().len() > 1 {
        if !query.contains("target_session_attrs=") {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if !query.contains("load_balance_hosts=") {
            // One that is silent must not be the first of every attempt.
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
    }
}

fn ssl_mode(mode: &str) -> Result<SslMode, InvalidPostgresUrl> {
    match mode {
        "disable" => Ok(SslMode::Disable),
        #[cfg(feature = "postgres-tls")]
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        #[cfg(not(feature = "postgres-tls"))]
        "require" | "verify-ca" | "verify-full" => Err(InvalidPostgresUrl(
            "an encrypted connection to PostgreSQL needs the feature \"postgres-tls\" of cloakroom"
                .to_owned(),
        )),
        _ => {
            Err(invalid("sslmode is disable (the default), or verify-full, of which require is another name"))
        }
    }
}

/// Whether the user name or the password contains what ends them: then what follows would be taken for a host, a port or an
/// option, and be quoted as such.
fn has_bare_delimiter(rest: &str) -> bool {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[end..].contains('@') || rest[..end].matches('@').count() > 1
}

fn invalid(why: &str) -> InvalidPostgresUrl {
    InvalidPostgresUrl(format!(
        "this is not the URL of a PostgreSQL database: {why}; \
         use postgres://[user[:password]@]host[:port][,host[:port]]/database[?sslmode=verify-full]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hosts_mean_the_one_that_takes_writes() {
        let one = parse("postgres://u:p%40@h/db").unwrap();
        assert_eq!((one.get_password(), one.get_dbname()), (Some(&b"p@"[..]), Some("db")));
        assert_eq!(one.get_target_session_attrs(), TargetSessionAttrs::Any);
        let two = parse("postgresql://u@a,b:7/db").unwrap();
        assert_eq!(two.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let any = parse("postgres://u@a,b/db?target_session_attrs=any").unwrap();
        assert_eq!(any.get_target_session_attrs(), TargetSessionAttrs::Any);
    }

    #[test]
    fn encryption_is_all_or_nothing() {
        assert_eq!(parse("postgres://h/db").unwrap().get_ssl_mode(), SslMode::Disable);
        for mode in ["require", "verify-full"] {
            let parsed = parse(&format!("postgres://h/db?sslmode={mode}"));
            if cfg!(feature = "postgres-tls") {
                assert_eq!(parsed.unwrap().get_ssl_mode(), SslMode::Require);
            } else {
                assert!(parsed.unwrap_err().to_string().contains("postgres-tls"));
            }
        }
        assert!(parse("postgres://h/db?sslmode=prefer").unwrap_err().to_string().contains("verify-full"));
    }

    #[test]
    fn a_wrong_url_says_what_would_be_right_and_quotes_no_password() {
        for url in [
            "h",
            "mysql://u:secret@h/db",
            "postgres:///db",
            "postgres://u:secret@h:port/db",
            "postgres://u:s/secret@h/db",
            "postgres://u:s?secret@h/db",
            "postgres://u:s@secret@h/db",
            "postgres://u:secret@h/db?secret=1",
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains("postgres://[user"), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }
}
