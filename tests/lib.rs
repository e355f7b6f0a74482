//! Tests of setup-tasks through its public face; everything is in `behaviour`, `ui` and `fixtures`.
