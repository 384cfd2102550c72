package files

// WritersOf says who may write to a file of that mode and group, but its owner.
var WritersOf = writersOf

// ReadWithin is Read with another limit for pipes.
var ReadWithin = readWithin
