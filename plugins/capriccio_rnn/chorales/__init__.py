"""Four-voice chorales, one sixteenth at a time; train with `capriccio train rnn`."""
