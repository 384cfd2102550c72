package files

// WritersOf says who may write to a file of that mode and group, but its owner.
var WritersOf = writersOf
