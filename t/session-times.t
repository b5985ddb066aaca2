# How long a session is good at locations of one AuthName that have times of their own.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use Time::HiRes qw(sleep time);

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

use constant { GAP => 0.2, STRICT => 2, BRIEF => 3 };    # seconds

my ($ALICE) = 'alice@EXAMPLE.TEST';

sub conf {
    my ($store) = @_;
    return <<"CONF";
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:debug
    AuthNegotiateSessionStore $store
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        Require valid-user
    </Location>
    <Location "/strict">
        AuthNegotiateSessionTimeout @{[ STRICT ]} 10h
    </Location>
    <Location "/brief">
        AuthNegotiateSessionTimeout @{[ STRICT ]} @{[ BRIEF ]}
    </Location>
CONF
}

my $server;
sub get { my ($name, @headers) = @_; return http(port => $server->port)->get("/$name/env.pl", @headers) }
sub pair_of { my ($r) = @_; return (($r->header('Set-Cookie'))[0] || '') =~ /^([^;]*)/ ? $1 : '' }
sub user { my ($r) = @_; return $r->status == 200 ? $r->env->{REMOTE_USER} : $r->status }

# A browser: it sends the newest cookie.
sub login {
    my ($name, $who) = @_;
    my $browser = { cookie => pair_of(get($name, Authorization => initiator($who || 'alice')->authorization)) };
    $browser->{used} = time;
    return $browser;
}

sub visit {
    my ($browser, $name) = @_;
    my $r = get($name, Cookie => $browser->{cookie});
    $browser->{cookie} = pair_of($r) if pair_of($r);
    my $gap = time - $browser->{used};
    $browser->{gap}  = $gap if $gap > ($browser->{gap} || 0);
    $browser->{used} = time;
    return user($r);
}

# Whether the machine was fast enough to use it often.
sub in_use { my ($browser) = @_; return ($browser->{gap} || 0) < STRICT / 2 }

# Whom it was good for, in this time of constant use.
sub use_for {
    my ($browser, $name, $seconds) = @_;
    my %seen;
    for (my $until = time + $seconds; time < $until;) {
        sleep GAP;
        $seen{ visit($browser, $name) }++;
    }
    return join ' ', sort keys %seen;
}

sub goes_on_where_it_is_used {
    my $browser = login('lax');
    my @seen    = (use_for($browser, 'strict', 1.5 * STRICT), use_for($browser, 'lax', 1.5 * STRICT), visit($browser, 'strict'));
    SKIP: {
        skip 'too slow to use it often', 3 if !in_use($browser);
        is $seen[0], $ALICE, 'in constant use at a location with a shorter idle time it does not end';
        is $seen[1], $ALICE, '... nor at the one where it began';
        is $seen[2], $ALICE, '... whose requests count for the other';
    }
    return;
}

sub ends_where_it_is_not_used {
    my $browser = login('lax');
    sleep STRICT + 0.1;
    is visit($browser, 'strict'), 401, 'not used for the idle time of a location, it does not enter there';
    is visit($browser, 'lax'), $ALICE, '... and does where that is longer';
    my $strict = login('strict');
    sleep STRICT + 0.1;
    is visit($strict, 'lax'), 401, 'one of a location with a short time does not live longer elsewhere';
    return;
}

sub ends_by_its_age {
    my $begin   = time;
    my $browser = login('lax');
    my $r;
    do { sleep GAP; $r = visit($browser, 'brief') } while $r eq $ALICE && time < $begin + 3 * BRIEF;
    is $r, 401, 'in use, it ends at a location whose absolute time it is older than';
    cmp_ok time - $begin, '>=', BRIEF, '... not before' if in_use($browser);
    is visit($browser, 'lax'), $ALICE, '... and goes on elsewhere';
    return;
}

for my $kind (qw(cookie shmcb)) {
  SKIP: {
        skip 'this httpd has no mod_socache_shmcb', 3
          if $kind eq 'shmcb' && !-e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so';
        $server = server(conf => conf($kind))->start;
        subtest "$kind: in use" => \&goes_on_where_it_is_used;
        subtest "$kind: not in use" => \&ends_where_it_is_not_used;
        subtest "$kind: its age"    => \&ends_by_its_age;
        $server->stop;
    }
}

done_testing;
