"""How the chorale player is trained: `capriccio train rnn --data music-jsb-chorales`."""
