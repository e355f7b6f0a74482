//! Tests of the public interface of setup-tasks. The tests are in `behaviour`, `ui` and `fixtures`.
