# Many users at once on few threads: every answer is its own user's.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use Time::HiRes 'time';

use constant { USERS => 10, CLIENTS => 20, REQUESTS => 250 };

plan tests => 16;

my @users = map { "user$_" } 1 .. USERS;
kdc()->add_principal($_, password => $_) for @users;
ccache($_) for @users;

# Fewer threads than clients: connections change threads, threads change users.
# mod_include answers from within the server, where the mistakes would be.
my $server = server(conf => <<'CONF');
    <IfModule event.c>
        ThreadsPerChild 8
        StartServers 2
        MinSpareThreads 8
        MaxSpareThreads 16
        MaxRequestWorkers 16
    </IfModule>
    LogLevel auth_negotiate:warn
    <Directory "@dir@">
        Options +Includes
    </Directory>
    AuthNegotiateKeytab "@keytab@"
    AliasMatch "^/[^/]+/(\w+\.shtml)$" "@dir@/$1"
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        Require valid-user
    </Location>
    <Location "/keep">
        AuthNegotiatePersist On
    </Location>
    <Location "/keep-too">
        AuthNegotiatePersist On
        AuthNegotiateUser strip EXAMPLE.TEST
    </Location>
    <Location "/keep-two">
        AuthNegotiatePersist On
        AuthName "two"
    </Location>
CONF
put("$_->[0].shtml", $_->[1])
  for [ who => qq{<!--#echo var="REMOTE_USER" -->|<!--#echo var="GSS_NAME" -->|<!--#echo var="NEGOTIATE_SOURCE" -->} ],
  [ twice => qq{<!--#include virtual="/keep/who.shtml" -->\n<!--#include virtual="/lose/who.shtml" -->} ];
sub put {
    my ($name, $text) = @_;
    open my $out, '>', $server->dir . "/$name" or die "$name: $!";
    print $out "$text\n";
    close $out;
    return;
}
$server->start;
my @children = $server->children;

# --- a client: one connection, then another, some of them used by several users --

# What is asked for without a token must be answered for the user of the
# connection, or refused: that is known here, request by request. A second user
# ends keeping, for as long as the connection lives.
sub run_client {
    my ($number) = @_;
    srand 1000 + $number;
    my %count = map { $_ => 0 } qw(header connection refused closed);
    my @wrong;
    my ($http, $own, $first, $shared, $known);
    for my $i (1 .. REQUESTS) {
        if (!$http || rand() < 0.05) {
            $http = http(port => $server->port, timeout => 30);
            $own  = $users[ rand @users ];
            $first = $shared = $known = undef;
        }
        my $user  = rand() < 0.9 ? $own : $users[ rand @users ];
        my $name  = (qw(keep keep keep-too keep-two lose))[ rand 5 ];
        my $page  = rand() < 0.2 ? 'twice' : 'who';
        my $token = rand() < 0.4;
        my $space = $name eq 'keep-two' ? 'two' : 'one';
        my $keeps = $name ne 'lose';
        my @headers = $token ? (Authorization => initiator($user)->authorization) : ();
        my $r = $http->get("/$name/$page.shtml", @headers);
        if (!$r) {
            # A busy server ends connections that wait for a request.
            die "closed again and again\n" if $count{closed}++ > REQUESTS;
            $http = undef;
            redo;
        }

        my $expect =
            $token                                               ? $user
          : $keeps && $known && $known->{space} eq $space        ? $known->{user}
          :                                                        undef;
        $first ||= $user if $token;
        $shared ||= $token && $user ne $first;
        $known = $keeps && !$shared ? { user => $user, space => $space } : undef if $token;
        if (!defined $expect) {
            $count{refused}++;
            push @wrong, "$i /$name: " . $r->status . ' instead of 401' if $r->status != 401;
            next;
        }
        $count{ $token ? 'header' : 'connection' }++;
        push @wrong, mistakes("$i /$name/$page", $r, $expect, $name, $space);
    }
    return { %count, wrong => \@wrong };
}

sub mistakes {
    my ($what, $r, $user, $name, $space) = @_;
    return "$what: status " . $r->status if $r->status != 200;
    my @lines = grep { /\S/ } split /\n/, $r->body;
    my @seen  = grep { /\|/ } @lines;
    my $full  = "$user\@EXAMPLE.TEST";
    my @wrong;
    for my $line (@seen) {
        my ($remote_user, $gss_name) = split /\|/, $line;
        push @wrong, "$what: $line instead of $user"
          if $gss_name ne $full || $remote_user !~ /^$user(?:\@EXAMPLE\.TEST)?$/;
    }
    # Parts in another space are not shown; all others are.
    my $parts = $what !~ /twice/ ? 1 : $space eq 'two' ? 0 : 2;
    push @wrong, "$what: " . @seen . " parts instead of $parts" if @seen != $parts;
    return @wrong;
}

my $start   = time;
my @results = in_parallel(CLIENTS, \&run_client);
my $seconds = time - $start;

is scalar(@results), CLIENTS, 'every client has come back';
is_deeply [ map { $_->{error} || () } @results ], [], '... alive';
my @wrong = map { @{ $_->{wrong} || [] } } @results;
is scalar(@wrong), 0, CLIENTS * REQUESTS . ' requests of ' . USERS . ' users: each sees himself'
  or diag join "\n", @wrong[ 0 .. ($#wrong > 9 ? 9 : $#wrong) ];
for my $what (qw(header connection refused)) {
    my $n = 0;
    $n += $_->{$what} || 0 for @results;
    cmp_ok $n, '>', CLIENTS * REQUESTS / 50, "$n by $what";
}
note sprintf '%.1f s', $seconds;
cmp_ok $seconds, '<', 40, '... in time';
SKIP: {
    skip 'prefork has children as it needs them', 1 if mpm() eq 'prefork';
    is_deeply [ $server->children ], \@children, 'no child has been replaced';
}
is_deeply [ $server->log->crashes ], [], '... or died';

# --- HTTP/2 --------------------------------------------------------------------

# Streams share a connection and nothing else.
SKIP: {
    my $version = run([ 'curl', '--version' ])->{output};
    skip 'curl has no HTTP/2 here', 7 if $version !~ /HTTP2/;
    skip 'there is no HTTP/2 with prefork', 7 if mpm() eq 'prefork';
    my @h2 = ('--http2', '--cacert', stage_dir() . '/tls/ca.crt', '--negotiate', '-u', ':');
    my $one = curl(ccache('alice'), @h2, '--include', url('/auth/env.pl', 'tls'));
    like $one, qr{^HTTP/2 200}m, 'one leg on HTTP/2';
    like $one, qr/^REMOTE_USER=alice\@EXAMPLE\.TEST$/m, '... alice';

    my $two = curl(ccache('alice'), @h2, '--include', map { url("/persist/env.pl?$_", 'tls') } 1 .. 3);
    is_deeply [ $two =~ /^NEGOTIATE_SOURCE=(.*)$/mg ], [qw(header header header)], 'each stream by its own token';
    unlike $two, qr/^Persistent-Auth/mi, '... and nobody says that it lasts';

    # The second half of each connection's streams come without a token.
    my @answers = in_parallel(6, sub {
        my ($i) = @_;
        my $with    = join ' ', map { url("/persist/env.pl?$_", 'tls') } 1 .. 20;
        my $without = join ' ', map { url("/persist/plain.txt?$_", 'tls') } 1 .. 20;
        my $config  = "parallel\nparallel-max = 20\nhttp2\nsilent\nshow-error\nmax-time = 30\ncacert = "
          . stage_dir() . "/tls/ca.crt\n";
        my $input = $config . "negotiate\nuser = \":\"\n" . join('', map { "url = \"$_\"\n" } split / /, $with)
          . "next\n$config" . "write-out = \"STATUS=%{http_code}\\n\"\n"
          . join('', map { "url = \"$_\"\noutput = \"/dev/null\"\n" } split / /, $without);
        return run([ 'curl', '-q', '--config', '-' ],
            input => $input, env => { KRB5CCNAME => ccache($users[$i]) }, timeout => 60)->{output};
    });
    my (@users_seen, @statuses, @strange);
    for my $i (0 .. $#answers) {
        my $text = ref $answers[$i] ? $answers[$i]{error} : $answers[$i];
        my @seen = $text =~ /^REMOTE_USER=(.*)$/mg;
        push @strange, grep { $_ ne "$users[$i]\@EXAMPLE.TEST" } @seen;
        push @users_seen, @seen;
        push @statuses, $text =~ /^STATUS=(\d+)$/mg;
    }
    cmp_ok scalar(@users_seen), '>=', 6, scalar(@users_seen) . ' parallel streams with a token were answered';
    is_deeply \@strange, [], '... each to its own user';
    is_deeply [ grep { $_ != 401 } @statuses ], [], '... and ' . @statuses . ' without one were not';
}
