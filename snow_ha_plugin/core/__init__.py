"""Pure: trees and values in, trees and plans out. No I/O, no clock, no environment."""
