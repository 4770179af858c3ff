"""The dreamer's networks: an encoder, a decoder, and the critic that finishes the decoder."""
