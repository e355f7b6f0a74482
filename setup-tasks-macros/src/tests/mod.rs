mod expansions;
mod fuzz;
