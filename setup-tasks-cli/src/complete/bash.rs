//! The completion script for bash.

use std::ffi::OsString;
use std::io::{Error, Write};
use std::path::Path;

use clap_complete::engine::complete;
use clap_complete::env::EnvCompleter;

/// The adapter for bash.
///
/// That of `clap_complete` expands patterns in candidates, and quotes no spaces. Ids may contain both. It also receives
/// `--color=al` as three words, because `=` and `:` separate words for bash.
pub(super) struct Bash;

/// The script. It splits the line itself, passes the words in front of the cursor, and reads one candidate per line.
const SCRIPT: &str = r#"_FUNCTION() {
    local line=${COMP_LINE:0:COMP_POINT} words word candidate separator cut="" quote=""
    read -a words <<< "$line"
    if [[ $line == *[[:space:]] && $line != *\\[[:space:]] ]]; then
        words+=("")
    fi
    word=${words[${#words[@]} - 1]}
    if [[ $word == [\"\']* ]]; then
        quote=${word:0:1}
        word=${word:1}
        words[${#words[@]} - 1]=$word
    fi
    # Bash replaces only what follows the last separator.
    for separator in = :; do
        if [[ $COMP_WORDBREAKS == *"$separator"* && $word == *"$separator"* && -z $quote ]]; then
            candidate=${word%"$separator"*}$separator
            if (( ${#candidate} > ${#cut} )); then
                cut=$candidate
            fi
        fi
    done
    COMPREPLY=()
    while IFS= read -r candidate; do
        candidate=${candidate#"$cut"}
        if [[ -z $quote ]]; then
            printf -v candidate %q "$candidate"
        fi
        COMPREPLY+=("$candidate")
    done < <(VARIABLE=bash PROGRAM -- "${words[@]}" 2>/dev/null)
    if [[ ${COMPREPLY[0]-} == *[=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _FUNCTION NAME 2>/dev/null || complete -F _FUNCTION NAME
"#;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        _binary: &str,
        program: &str,
        script: &mut dyn Write,
    ) -> Result<(), Error> {
        let function: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let text = SCRIPT.replace("FUNCTION", &format!("complete_{function}")).replace("VARIABLE", variable);
        script.write_all(text.replace("NAME", &quote(name)).replace("PROGRAM", &quote(program)).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        candidates: &mut dyn Write,
    ) -> Result<(), Error> {
        let last = words.len().saturating_sub(1);
        for candidate in complete(command, words, last, directory)? {
            writeln!(candidates, "{}", candidate.get_value().to_string_lossy())?;
        }
        Ok(())
    }
}
