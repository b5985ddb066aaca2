# How long a session is good at locations of one AuthName that have times of their own.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Store;
use Time::HiRes qw(sleep time);

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

use constant { GAP => 0.3, STRICT => 3, BRIEF => 4 };    # seconds

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

sub goes_on_where_it_is_used {
    my $browser = login('lax');
    my (%seen, $until);
    for ($until = time + 2 * STRICT; time < $until;) {
        sleep GAP;
        $seen{ visit($browser, 'strict') }++;
    }
    is_deeply [ keys %seen ], [$ALICE], 'in constant use at a location with a shorter idle time it does not end';
    for ($until = time + 1.5 * STRICT, %seen = (); time < $until;) {
        sleep GAP;
        $seen{ visit($browser, 'lax') }++;
    }
    is_deeply [ keys %seen ], [$ALICE], '... nor at the one where it began';
    is visit($browser, 'strict'), $ALICE, '... whose requests count for the other';
    return in_use($browser);
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
    my $browser = login('lax');
    my $begin   = time;
    my $r;
    do { sleep GAP; $r = visit($browser, 'brief') } while $r eq $ALICE && time < $begin + 3 * BRIEF;
    is $r, 401, 'in use, it ends at a location whose absolute time it is older than';
    cmp_ok time - $begin, '>=', BRIEF, '... not before' if in_use($browser);
    is visit($browser, 'lax'), $ALICE, '... and goes on elsewhere';
    return;
}

my %missing = (
    cookie => undef,
    shmcb  => -e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so' ? undef : 'this httpd has no mod_socache_shmcb',
    redis  => NegTest::Store->missing('redis'),
);
for my $kind (qw(cookie shmcb redis)) {
  SKIP: {
        skip $missing{$kind}, 1 if $missing{$kind};
        my $store = $kind eq 'redis' ? NegTest::Store->new('redis', stage_dir())->start : undef;
        $server = server(conf => conf($store ? $store->text : $kind))->start;
        subtest "$kind: in use" => sub {
            my $tries = 3;
            1 while !goes_on_where_it_is_used() && --$tries && diag 'too slow to use it often: once more';
        };
        subtest "$kind: not in use" => \&ends_where_it_is_not_used;
        subtest "$kind: its age"    => \&ends_by_its_age;
        $server->stop;
        $store->stop if $store;
    }
}

done_testing;
