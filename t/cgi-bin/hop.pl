#!/usr/bin/env perl

# An application that acts for its user: says which tickets it has, and with
# ?backend=port asks the service HTTP/back.ad.example.test who it is there.

use strict;
use warnings;

my ($port) = ($ENV{QUERY_STRING} || '') =~ /\bbackend=(\d+)/;
my $host = 'back.ad.example.test';

print "Content-Type: text/plain\r\n\r\n";
print "REMOTE_USER=", $ENV{REMOTE_USER} || '', "\n", "KRB5CCNAME=", $ENV{KRB5CCNAME} || '', "\n";
print "NEGOTIATE_SOURCE=", $ENV{NEGOTIATE_SOURCE} || '', "\n";
exit 0 if !$ENV{KRB5CCNAME};

my $klist = `klist -f 2>&1`;
print "principal=$1\n" if $klist =~ /^Default principal: (\S+)/m;
print "tickets=", join(' ', sort $klist =~ /^\d\S+ +\S+ +\S+ +\S+  (\S+)$/mg), "\n";
exit 0 if !$port;

my @curl = qw(curl -q --silent --show-error --max-time 20 --negotiate --user :);
push @curl, '--resolve', "$host:$port:127.0.0.1", "http://$host:$port/backend/env.pl";
open my $in, '-|', @curl or die "curl: $!\n";
while (<$in>) { print "backend=$1\n" if /^REMOTE_USER=(.*)/ }
close $in;
