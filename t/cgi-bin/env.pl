#!/usr/bin/env perl

# Prints the environment as lines, NAME=value, so that a test can read what an
# application would see. Control characters are written as \xNN: one variable
# stays one line.

use strict;
use warnings;

print "Content-Type: text/plain\r\n\r\n";
for my $name (sort keys %ENV) {
    my $value = $ENV{$name};
    $value =~ s/([\x00-\x1f\x7f])/sprintf '\\x%02x', ord $1/ge;
    print "$name=$value\n";
}
