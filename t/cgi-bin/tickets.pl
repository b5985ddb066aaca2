#!/usr/bin/env perl

# What an application can do with the tickets that a user delegated: says where
# they are, who may read them, whose they are, and gets a service ticket. The
# query may be delay=seconds, so that requests overlap.

use strict;
use warnings;

my ($delay) = ($ENV{QUERY_STRING} || '') =~ /\bdelay=([\d.]+)/;
my $ccache = $ENV{KRB5CCNAME} || $ENV{TICKETS} || '';
my ($path) = $ccache =~ /^FILE:(.*)/;

print "Content-Type: text/plain\r\n\r\n";
print "REMOTE_USER=", $ENV{REMOTE_USER} || '', "\n";
print "KRB5CCNAME=", $ENV{KRB5CCNAME} || '', "\n", "TICKETS=", $ENV{TICKETS} || '', "\n";
exit 0 if !defined $path;

select undef, undef, undef, $delay if $delay;
my @stat = stat $path;
printf "mode=%04o\nuid=%d\ngid=%d\n", $stat[2] & 07777, @stat[ 4, 5 ] if @stat;
$ENV{KRB5CCNAME} = $ccache;
my $kvno  = `kvno HTTP/www.example.test 2>&1`;
my $klist = `klist 2>&1`;
print "principal=$1\n" if $klist =~ /^Default principal: (\S+)/m;
print "tgt=1\n"        if $klist =~ m{ krbtgt/EXAMPLE\.TEST\@EXAMPLE\.TEST$}m;
print "kvno=$1\n"      if $kvno =~ m{^HTTP/www\.example\.test\@EXAMPLE\.TEST: kvno = (\d+)}m;
