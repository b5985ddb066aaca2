# AuthNegotiateReplayCache memory: a used token stays used, wherever the table's file is, or is not.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;

plan tests => 24;

my $dir = stage_dir() . '/replay-memory';
mkdir $_ for $dir, map { "$dir/$_" } qw(first second third);

# Another file system, where there is one.
my $elsewhere = "/dev/shm/negotiate-test-$$";
my $far = -d '/dev/shm' && -w _ && (stat '/dev/shm')[0] != (stat $dir)[0] && mkdir($elsewhere) ? $elsewhere : undef;
END { if ($far) { unlink glob "$far/*"; rmdir $far } }

sub conf {
    my ($runtime) = @_;
    return <<"CONF";
DefaultRuntimeDir "$runtime"
AuthNegotiateReplayCache memory:1
<Location "/">
    AuthType Negotiate
    AuthName test
    AuthNegotiateKeytab "\@keytab\@"
    Require valid-user
</Location>
CONF
}

my $server = server(conf => conf("$dir/first"))->start;

sub token { return initiator('alice')->authorization }
sub status { my ($token) = @_; return http(port => $server->port)->get('/plain.txt', Authorization => $token)->status }

my @used;

# Every token is good once, and what was used before stays used.
sub once {
    my ($when) = @_;
    is_deeply [ map { status($_) } @used ], [ map { 401 } @used ], "$when: what was used stays used" if @used;
    my $token = token();
    is_deeply [ map { status($token) } 1 .. 2 ], [ 200, 401 ], '... and a new token is good once';
    push @used, $token;
    return;
}

sub gracefully {
    my ($runtime) = @_;
    $server->configure(conf($runtime)) if $runtime;
    return $server->restart(graceful => 1) || die 'no graceful restart';
}

once('first');
gracefully("$dir/second");
once('a graceful restart with another DefaultRuntimeDir');
$server->stop->start;
once('stopped and started there');

unlink "$dir/second/auth-negotiate-replay" or die $!;
gracefully();
once('the file was removed, and a graceful restart');
ok !-e "$dir/second/auth-negotiate-replay", '... it has no name';
$server->stop;
ok -s "$dir/second/auth-negotiate-replay", '... until the server ends';
is sprintf('%04o', (stat _)[2] & 07777), '0600', '... for its owner alone';
$server->start;
once('stopped and started');

# Tables of others are left alone.
open my $theirs, '>', "$dir/third/auth-negotiate-replay" or die $!;
print $theirs 'theirs';
close $theirs;
$server->log->mark;
gracefully("$dir/third");
ok $server->log->wait_for(qr/memory: the table in use stays in use, .*third\/auth/), 'a place that is taken: it is told';
once('... and the table goes on');
gracefully("$dir/second");
once('back again');
$server->stop;
is -s "$dir/third/auth-negotiate-replay", 6, '... what was there is as it was';
$server->start;

SKIP: {
    skip 'there is no other file system', 5 if !$far;
    once('before the move');
    gracefully($far);
    once('to another file system');
    $server->stop->start;
    is_deeply [ map { status($_) } @used ], [ map { 401 } @used ], '... stopped and started there';
}
is_deeply [ $server->log->crashes ], [], 'nobody died';
