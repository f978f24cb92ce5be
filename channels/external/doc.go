// Package external is the adapter for programs that somebody else wrote, in any language: it speaks version 1 of the adapter
// protocol (docs/adapter-protocol.md) by signed HTTP to a URL or, for operators only, in lines of JSON over standard input and
// output to a program that it starts, limits and starts again.
//
// What the program can do stands in the channel's options as its description, and not in what it happens to answer: so parsing
// and composing stay pure, every process of the gateway agrees, and an adapter that is down stops nothing. One that describes
// itself otherwise is not sent anything until the options say the same.
package external
