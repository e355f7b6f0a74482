mod documentation;
mod expansions;
mod fuzz;
