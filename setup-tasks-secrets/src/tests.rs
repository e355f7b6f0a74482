//! Tests of sources of secrets.

use setup_tasks::error::explain;
use setup_tasks::secret::redact;

use super::*;

async fn error(source: SecretSource) -> String {
    explain(&source.get().await.unwrap_err())
}

#[tokio::test]
async fn a_secret_comes_from_the_environment_a_file_or_a_command() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "from a file\n").unwrap();
    // Cargo sets the variable for tests.
    let package = SecretSource::env("CARGO_PKG_NAME").get().await.unwrap();
    assert_eq!(package.expose(), "setup-tasks-secrets");
    assert_eq!(SecretSource::file(&path).get().await.unwrap().expose(), "from a file");
    let command = SecretSource::command(["printf", "two\nlines\r\n"]);
    assert_eq!(command.get().await.unwrap().expose(), "two\nlines");
}

#[tokio::test]
async fn a_secret_is_read_when_it_is_needed_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let count = directory.path().join("count");
    let script = format!("echo x >> {}; echo the-only-answer", count.display());
    let source = SecretSource::command(["sh", "-c", &script]);
    let other = source.clone();
    assert!(!count.exists());
    let (one, two) = tokio::join!(source.get(), other.get());
    assert_eq!(one.unwrap(), two.unwrap());
    source.get().await.unwrap();
    assert_eq!(std::fs::read_to_string(count).unwrap(), "x\n");
    assert_eq!(redact("it said the-only-answer"), "it said [secret]");
}

#[tokio::test]
async fn an_error_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("late");
    let source = SecretSource::file(&path);
    assert!(source.get().await.is_err());
    std::fs::write(&path, "here now").unwrap();
    assert_eq!(source.get().await.unwrap().expose(), "here now");
}

#[tokio::test]
async fn errors_name_the_place_and_what_to_do() {
    let unset = error(SecretSource::env("NO_SUCH_VARIABLE")).await;
    assert!(unset.starts_with("the environment variable NO_SUCH_VARIABLE with a secret is not set"), "{unset}");
    assert!(error(SecretSource::env("A=B")).await.contains("is not the name of an environment variable"));
    assert!(error(SecretSource::file("/no/such/file")).await.contains("`/no/such/file` with a secret cannot be read"));
    assert!(error(SecretSource::file("/")).await.contains("cannot be read"));
    let failed = error(SecretSource::command(["sh", "-c", "echo no key >&2; exit 4"])).await;
    assert!(failed.contains("exit status: 4") && failed.contains("no key"), "{failed}");
    assert!(error(SecretSource::command(["/no/such/program"])).await.contains("cannot be started"));
    assert!(error(SecretSource::command::<String>([])).await.contains("is empty"));
    assert!(error(SecretSource::command(["printf", "\n"])).await.contains("is empty"));
    assert!(error(SecretSource::command(["printf", "\\377"])).await.contains("is not UTF-8"));
    assert!(error(SecretSource::file("/dev/zero")).await.contains("is longer than 1048576 bytes"));
}

#[test]
fn a_file_of_a_site_names_the_place() {
    #[derive(Debug, serde::Deserialize)]
    struct Site {
        password: SecretSource,
        key: SecretSource,
    }
    let site: Site =
        toml::from_str("password = { env = \"DB_PASSWORD\" }\nkey = { command = [\"pass\", \"show\", \"lab/key\"] }\n")
            .unwrap();
    assert_eq!(site.password, SecretSource::env("DB_PASSWORD"));
    assert_eq!(format!("{:?}", site.key), "SecretSource(command `pass show lab/key`)");
    let error = toml::from_str::<Site>("password = { vault = \"x\" }\nkey = { env = \"A\" }\n").unwrap_err();
    assert!(error.to_string().contains("unknown variant `vault`, expected one of `env`, `file`, `command`"), "{error}");
}
