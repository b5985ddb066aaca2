# AuthNegotiateReplayCache with a server that accepts connections and says nothing: it does not hold
# the threads of a child, and is used again once it answers.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Stage;
use NegTest::Store;
use Time::HiRes qw(sleep time);

use constant {
    PATIENCE => 4,     # seconds after which a child knows, and a bit
    AT_ONCE  => 1.5,
    RETRY    => 25,    # ten seconds, and five in which httpd's modules think that it is dead
};

plan skip_all => 'with prefork nobody waits for the same process' if mpm() eq 'prefork';
my @providers = grep { !NegTest::Store->missing($_) } qw(redis memcache);
plan skip_all => 'neither redis nor memcached is here' if !@providers;
plan tests => 16 * @providers;

my $dir = stage_dir() . '/silence';
mkdir $dir or die "$dir: $!\n";
chmod 0711, $dir;

sub node {
    my ($cache) = @_;
    return server(conf => <<"CONF")->start;
<IfModule event.c>
    StartServers 1
    ServerLimit 1
    ThreadsPerChild 10
    MaxRequestWorkers 10
</IfModule>
AuthNegotiateReplayCache $cache
AliasMatch "^/auth/plain\\.txt\$" "\@stage\@/htdocs/plain.txt"
AuthNegotiateKeytab "\@keytab\@"
<Location /auth>
    AuthType Negotiate
    AuthName test
    Require valid-user
</Location>
CONF
}

# Sends a token, and does not wait for the answer.
sub ask {
    my ($server) = @_;
    my $http = http(port => $server->port, timeout => 60);
    $http->send_raw($http->format_request(GET => '/auth/plain.txt', [ Authorization => initiator('alice')->authorization ]));
    return $http;
}

sub status { my ($server) = @_; return ask($server)->read_response->status }

# The status of each of ten requests, and how long the slowest took.
sub ten {
    my ($server) = @_;
    my ($slowest, @statuses) = (0);
    for (1 .. 10) {
        my $began = time;
        push @statuses, status($server);
        $slowest = time - $began if time - $began > $slowest;
    }
    return ("@statuses", $slowest);
}

my @cases;
for my $provider (@providers) {
    my $store = NegTest::Store->new($provider, $dir);
    my $deaf  = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $store->{port}, Listen => 50, ReuseAddr => 1)
      or die "port $store->{port}: $!\n";
    push @cases, { provider => $provider, store => $store, deaf => $deaf,
        servers => [ node($store->text), node($store->text . ' or-local') ] };
}

my @servers = map { @{ $_->{servers} } } @cases;
$_->{held} = [ ask($_) ] for @servers;
sleep PATIENCE;
push @{ $_->{held} }, ask($_) for @servers;    # this one finds it out, and tries once more
sleep 1;

for my $case (@cases) {
    my ($refuse, $local) = @{ $case->{servers} };
    for ([ $refuse, 500, 'or-refuse' ], [ $local, 200, 'or-local' ]) {
        my ($server, $status, $name) = @$_;
        my ($statuses, $slowest) = ten($server);
        is $statuses, "$status " x 9 . $status, "$case->{provider} is silent, $name: $status";
        cmp_ok $slowest, '<', AT_ONCE, '... at once';
        my @told = $server->log->wait_for(qr/:error\].*\(replay-cache\).*does not answer/);
        is scalar @told, 1, '... told once';
    }
    close delete $case->{deaf};
}

# Their connections are reset: no thread is lost.
for my $case (@cases) {
    my @answers = map { $_->read_response->status } map { @{ $_->{held} } } @{ $case->{servers} };
    is "@answers", '500 500 200 200', "$case->{provider} is gone: who waited is answered";
    $case->{store}->start;
    for my $server (@{ $case->{servers} }) {
        my $count = $case->{store}->count;
        ok wait_until(sub { status($server); $case->{store}->count > $count }, RETRY), '... back: it is asked again';
        is status($server), 200, '... and tokens are accepted';
        my @told = $server->log->wait_for(qr/:notice\].*answers again, after \d+ seconds/);
        is scalar @told, 1, '... told once';
    }
    ok !$_->log->crashes, '... and nobody died' for @{ $case->{servers} };
    my $replayed = initiator('alice')->authorization;
    my @again = map { http(port => $_->port)->get('/auth/plain.txt', Authorization => $replayed)->status } @{ $case->{servers} };
    is "@again", '200 401', '... and a token is good once';
    $_->stop for @{ $case->{servers} };
    $case->{store}->stop;
}
