# A short run of t/fuzz/httpd-fuzz, always the same one; make fuzz-httpd goes on for longer.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;

plan tests => 2;

for my $seed (1, 2) {
    my $r = run([ $^X, source_dir() . '/t/fuzz/httpd-fuzz', '1500r', $seed ], timeout => 120);
    ok $r->{ok}, ($r->{output} =~ /(1500 requests.*)/ ? "seed $seed: $1" : "seed $seed") or diag $r->{output};
}
