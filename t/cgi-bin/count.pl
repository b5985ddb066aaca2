#!/usr/bin/env perl

# Says how long the request's body is, and which credential came with it.

use strict;
use warnings;

my $all = 0;
while (my $n = read STDIN, my $bytes, 1 << 16) { $all += $n }
print "Content-Type: text/plain\r\n\r\nBYTES=$all\nAUTHORIZATION=", $ENV{HTTP_AUTHORIZATION} || '', "\n",
  'REMOTE_USER=', $ENV{REMOTE_USER} || '', "\n";
