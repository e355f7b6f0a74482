mod expansions;
